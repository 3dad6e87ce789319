#include "broker/value_swap.h"

#include <algorithm>
#include <numeric>

#include "broker/refusals.h"

namespace standin::broker {

ValueSwap::ValueSwap(std::shared_ptr<const BodyScope> scope, const BodySites& sites, BodyGrammar grammar,
                     const proxy::Origin& origin, BodyCalls calls)
    : scope_(std::move(scope)),
      sites_(sites),
      grammar_(std::move(grammar)),
      origin_(origin),
      calls_(std::move(calls)),
      escaped_(grammar_.escapes) {}

std::optional<proxy::Refusal> ValueSwap::feed(std::string_view piece, proxy::WipingBuffer& out) {
  const Recogniser& recogniser = scope_->recogniser;
  for (std::size_t at = 0; at < piece.size();) {
    if (decoded_.empty()) {
      std::size_t end = at;
      while (end < piece.size() && escaped_.is_plain(piece[end]) && !recogniser.begins(piece[end])) ++end;
      proxy::append(out, piece.substr(at, end - at));
      at = end;
      if (at == piece.size()) break;
    }
    escaped_.push(piece[at++], [this](char c, std::string_view spelling) { hold(c, spelling); });
    if (auto refusal = settle(Recogniser::Rest::may_come, out)) return refusal;
  }
  return std::nullopt;
}

std::optional<proxy::Refusal> ValueSwap::end(proxy::WipingBuffer& out) {
  escaped_.flush([this](char c, std::string_view spelling) { hold(c, spelling); });
  return settle(Recogniser::Rest::none, out);
}

void ValueSwap::abandon(proxy::WipingBuffer& out) {
  escaped_.flush([this](char c, std::string_view spelling) { hold(c, spelling); });
  pass(decoded_.size(), out);
}

void ValueSwap::hold(char decoded, std::string_view spelling) {
  decoded_ += decoded;
  lengths_.push_back(static_cast<std::uint8_t>(spelling.size()));
  spelled_ += spelling;
}

/// Lets go of what is held, up to where a stand-in may still begin.
std::optional<proxy::Refusal> ValueSwap::settle(Recogniser::Rest rest, proxy::WipingBuffer& out) {
  using Kind = Recogniser::Beginning::Kind;
  while (!decoded_.empty()) {
    const auto beginning = scope_->recogniser.beginning(decoded_, rest);
    if (beginning.kind == Kind::open) break;
    if (beginning.kind == Kind::other || !sites_.belongs[field_][beginning.index]) {
      pass(beginning.kind == Kind::other ? 1 : beginning.length, out);
    } else if (auto refusal = swap(beginning.index, beginning.length, out)) {
      return refusal;
    }
  }
  return std::nullopt;
}

void ValueSwap::pass(std::size_t characters, proxy::WipingBuffer& out) {
  const auto end = lengths_.begin() + static_cast<std::ptrdiff_t>(characters);
  const std::size_t spelled = std::accumulate(lengths_.begin(), end, std::size_t{0});
  proxy::append(out, std::string_view(spelled_).substr(0, spelled));
  spelled_.erase(0, spelled);
  decoded_.erase(0, characters);
  lengths_.erase(lengths_.begin(), end);
}

std::optional<proxy::Refusal> ValueSwap::swap(std::size_t index, std::size_t characters,
                                              proxy::WipingBuffer& out) {
  const Credential& credential = scope_->credentials[index];
  const std::string site = Site{grammar_.kind, sites_.names[field_]}.to_string();
  if (!credential.is_bound_to(origin_)) return refuse(index, site, wrong_origin(credential, site, origin_));
  auto decision = calls_.decide(index, site);
  if (auto* refusal = std::get_if<proxy::Refusal>(&decision)) return std::move(*refusal);

  const std::size_t before = out.size();
  if (const auto reason = put(index, out)) {
    out.resize(before);
    return refuse(index, site, unusable_secret(credential.name, site, *reason));
  }
  proxy::WipingBuffer nothing;  // the stand-in's own spelling goes nowhere
  pass(characters, nothing);
  return std::nullopt;
}

std::optional<Unusable> ValueSwap::put(std::size_t index, proxy::WipingBuffer& out) const {
  const std::size_t before = out.size();
  const auto reason = calls_.lend(index).reveal(
      [&](std::span<const std::byte> secret) { return append_encoded(out, secret, grammar_.grammar); });
  if (reason) return reason;
  if (!grammar_.never.empty() && proxy::view(out).substr(before).contains(grammar_.never))
    return Unusable::boundary;
  return std::nullopt;
}

proxy::Refusal ValueSwap::refuse(std::size_t index, const std::string& site, proxy::Refusal refusal) const {
  calls_.refused({{index, site}, refusal});
  return refusal;
}

}  // namespace standin::broker
