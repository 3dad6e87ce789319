#include "broker/recogniser.h"

#include <algorithm>
#include <numeric>

#include "proxy/ascii.h"

namespace standin::broker {
namespace {

/// Where `stand_in` ends when it begins at text[at], or npos. What stands raw is taken raw first, so that a
/// stand-in is found even behind a stray '%'.
std::size_t end_of_match(std::string_view text, std::size_t at, std::string_view stand_in) noexcept {
  for (const char c : stand_in) {
    if (at >= text.size()) return std::string_view::npos;
    if (text[at] == c) {
      ++at;
      continue;
    }
    const auto [byte, length] = percent_decode_at(text, at);
    if (byte != static_cast<unsigned char>(c)) return std::string_view::npos;
    at += length;
  }
  return at;
}

}  // namespace

PercentDecoded percent_decode_at(std::string_view text, std::size_t at) noexcept {
  if (text[at] == '%' && text.size() - at >= 3) {
    const int high = proxy::hex_value(text[at + 1]);
    const int low = proxy::hex_value(text[at + 2]);
    if (high >= 0 && low >= 0) return {static_cast<unsigned char>(high << 4 | low), 3};
  }
  return {static_cast<unsigned char>(text[at]), 1};
}

Recogniser::Recogniser(std::span<const std::string_view> stand_ins)
    : stand_ins_(stand_ins.begin(), stand_ins.end()), order_(stand_ins.size()) {
  const auto first_of = [this](std::uint32_t i) { return static_cast<unsigned char>(stand_ins_[i].front()); };
  std::iota(order_.begin(), order_.end(), 0U);
  std::erase_if(order_, [this](std::uint32_t i) { return stand_ins_[i].empty(); });
  std::ranges::sort(order_, [&](std::uint32_t a, std::uint32_t b) {
    if (first_of(a) != first_of(b)) return first_of(a) < first_of(b);
    if (stand_ins_[a].size() != stand_ins_[b].size()) return stand_ins_[a].size() > stand_ins_[b].size();
    return a < b;
  });
  for (const std::uint32_t i : order_) {
    ++first_[first_of(i) + 1U];
    may_begin_[first_of(i)] = true;
  }
  may_begin_['%'] = !order_.empty();
  std::partial_sum(first_.begin(), first_.end(), first_.begin());
}

std::optional<Recogniser::Match> Recogniser::next(std::string_view text, std::size_t from) const noexcept {
  const auto match_of = [&](std::size_t at, unsigned char byte) -> std::optional<Match> {
    for (std::uint32_t i = first_[byte]; i < first_[byte + 1U]; ++i) {
      const std::size_t end = end_of_match(text, at, stand_ins_[order_[i]]);
      if (end != std::string_view::npos) return Match{at, end, order_[i]};
    }
    return std::nullopt;
  };
  for (std::size_t at = from; at < text.size(); ++at) {
    const auto raw = static_cast<unsigned char>(text[at]);
    if (!may_begin_[raw]) continue;
    if (auto match = match_of(at, raw)) return match;
    if (raw != '%') continue;
    const auto [byte, length] = percent_decode_at(text, at);
    if (length == 1) continue;
    if (auto match = match_of(at, byte)) return match;
  }
  return std::nullopt;
}

}  // namespace standin::broker
