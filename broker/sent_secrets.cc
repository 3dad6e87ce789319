#include "broker/sent_secrets.h"

#include <algorithm>

namespace standin::broker {

void SentSecrets::note(const proxy::Origin& origin, std::size_t index, std::uint64_t version,
                       const vault::Secret& secret, std::string_view stand_in) {
  auto to = std::ranges::find(origins_, origin, &ToOrigin::origin);
  if (to == origins_.end()) to = origins_.insert(to, {origin, {}, nullptr});
  const Sent sent{index, version};
  if (std::ranges::find(to->sent, sent) != to->sent.end()) return;
  // A copy: a response that is on its way looks for what it was given.
  auto patterns =
      to->patterns ? std::make_shared<ScrubPatterns>(*to->patterns) : std::make_shared<ScrubPatterns>();
  secret.reveal([&](std::span<const std::byte> bytes) { patterns->add(bytes, stand_in); });
  to->patterns = std::move(patterns);
  to->sent.push_back(sent);
}

std::shared_ptr<const ScrubPatterns> SentSecrets::patterns(const proxy::Origin& origin) const {
  const auto to = std::ranges::find(origins_, origin, &ToOrigin::origin);
  return to == origins_.end() || to->patterns->empty() ? nullptr : to->patterns;
}

}  // namespace standin::broker
