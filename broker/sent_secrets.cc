#include "broker/sent_secrets.h"

#include <algorithm>

#include "broker/place.h"

namespace standin::broker {
namespace {

/// Whether there is anything new to look for.
bool add(ScrubPatterns& patterns, std::span<const std::byte> secret, std::string_view stand_in) {
  bool is_new = patterns.add(secret, stand_in);
  // As basic-form has put it into base64, through which an encoding of the bytes is not seen.
  proxy::WipingBuffer encoded;
  if (!append_encoded(encoded, secret, Grammar::basic_form))
    is_new = patterns.add(std::as_bytes(std::span(encoded)), stand_in) || is_new;
  return is_new;
}

}  // namespace

void SentSecrets::note(const proxy::Origin& origin, std::size_t index, std::uint64_t version,
                       const vault::Secret& secret, std::string_view stand_in) {
  auto to = std::ranges::find(origins_, origin, &ToOrigin::origin);
  if (to == origins_.end()) to = origins_.insert(to, {origin, {}, nullptr});
  const auto known = std::ranges::find(to->sent, index, &Sent::index);
  if (known != to->sent.end() && known->version == version) return;
  // A copy: a response that is on its way looks for what it was given.
  auto patterns =
      to->patterns ? std::make_shared<ScrubPatterns>(*to->patterns) : std::make_shared<ScrubPatterns>();
  const bool is_new =
      secret.reveal([&](std::span<const std::byte> bytes) { return add(*patterns, bytes, stand_in); });
  if (is_new) to->patterns = std::move(patterns);
  if (known == to->sent.end()) {
    to->sent.push_back({index, version});
  } else {
    known->version = version;
  }
}

std::shared_ptr<const ScrubPatterns> SentSecrets::patterns(const proxy::Origin& origin) const {
  const auto to = std::ranges::find(origins_, origin, &ToOrigin::origin);
  return to == origins_.end() ? nullptr : to->patterns;
}

}  // namespace standin::broker
