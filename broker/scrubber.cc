#include "broker/scrubber.h"

#include <algorithm>

namespace standin::broker {
namespace {

enum class Rest : std::uint8_t { may_follow, none };

/// Appends what becomes of text[0, limit), and of what stands behind it as far as a spelling that begins
/// before it goes. Returns where it stopped: before `limit` only at what may begin a spelling and is cut.
std::size_t scrub(const ScrubPatterns& patterns, std::string_view text, std::size_t limit, Rest rest,
                  proxy::WipingBuffer& out) {
  std::size_t copied = 0;
  std::size_t at = patterns.next(text, 0);
  for (; at < limit; at = patterns.next(text, at)) {
    const auto match = patterns.match_at(text, at);
    if (match.cut && rest == Rest::may_follow) {
      limit = at;
      break;
    }
    if (match.length == 0) {
      ++at;
      continue;
    }
    proxy::append(out, text.substr(copied, at - copied));
    patterns.append_replacement(match, text.substr(at, match.length), out);
    at += match.length;
    copied = at;
  }
  const std::size_t end = std::max(copied, limit);
  proxy::append(out, text.substr(copied, end - copied));
  return end;
}

}  // namespace

std::optional<proxy::Refusal> Scrubber::feed(std::string_view piece, proxy::WipingBuffer& out) {
  if (patterns_->empty()) {
    proxy::append(out, piece);
    return std::nullopt;
  }
  if (!held_.empty()) piece.remove_prefix(take_with_held(piece, out));
  if (piece.empty()) return std::nullopt;
  // Nothing is held now, so that most pieces are looked at where they are.
  const std::size_t end = scrub(*patterns_, piece, piece.size(), Rest::may_follow, out);
  held_.assign(piece.begin() + static_cast<std::ptrdiff_t>(end), piece.end());
  return std::nullopt;
}

/// Decides what is held with the help of `piece`, and returns how much of that is done with.
std::size_t Scrubber::take_with_held(std::string_view piece, proxy::WipingBuffer& out) {
  const std::size_t held = held_.size();
  // More than the longest spelling is not needed to judge the held bytes: then none of them is cut.
  const std::size_t taken = std::min(piece.size(), patterns_->longest());
  proxy::append(held_, piece.substr(0, taken));
  const std::size_t end = scrub(*patterns_, proxy::view(held_), held, Rest::may_follow, out);
  if (end >= held) {
    held_.clear();
    return end - held;
  }
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(end));
  return taken;
}

std::optional<proxy::Refusal> Scrubber::finish(proxy::WipingBuffer& out) {
  scrub(*patterns_, proxy::view(held_), held_.size(), Rest::none, out);
  held_.clear();
  return std::nullopt;
}

std::optional<proxy::WipingBuffer> scrubbed(const ScrubPatterns& patterns, std::string_view text) {
  if (patterns.empty()) return std::nullopt;
  for (std::size_t at = patterns.next(text, 0); at < text.size(); at = patterns.next(text, at + 1)) {
    if (patterns.match_at(text, at).length == 0) continue;
    proxy::WipingBuffer out;
    out.reserve(text.size());
    scrub(patterns, text, text.size(), Rest::none, out);
    return out;
  }
  return std::nullopt;
}

}  // namespace standin::broker
