#include "broker/scrub_patterns.h"

#include <algorithm>
#include <array>
#include <bit>
#include <set>
#include <utility>

#include <sodium.h>

#include "proxy/ascii.h"

namespace standin::broker {
namespace {

// The filter's groups. What begins encoded has groups of its own, which all patterns share, so that '%' does
// not count as a first byte in the others; and so has base64, in which hardly anything is ever encoded.
constexpr unsigned percent_group = 6;
constexpr unsigned backslash_group = 7;
constexpr unsigned first_group(Alphabet alphabet) noexcept { return alphabet == Alphabet::bytes ? 0 : 3; }
constexpr unsigned groups_of_each = 3;

/// A place in a pattern that a text may spell, reached at that place of the text.
struct Reached {
  std::size_t pattern;
  std::size_t text;
  auto operator<=>(const Reached&) const = default;
};

struct Extent {
  std::size_t length = 0;  // 0: not spelled
  bool cut = false;
};

/// Follows the one spelling that can go on from `at` as far as there is only one.
inline void follow_plain(std::string_view text, std::string_view pattern, Reached& at) noexcept {
  while (at.pattern < pattern.size() && at.text < text.size() && text[at.text] == pattern[at.pattern] &&
         !is_ambiguous(pattern[at.pattern])) {
    ++at.pattern;
    ++at.text;
  }
}

/// All ways on from `at`, where there are several ("%25" may be '%' or three bytes of the secret); none is
/// gone twice, so that it is not exponential.
[[gnu::noinline]] Extent extent_of_branches(std::string_view text, std::string_view pattern,
                                            Alphabet alphabet, Reached at) {
  Extent extent;
  std::vector<Reached> open{at};
  std::set<Reached> seen;
  while (!open.empty()) {
    at = open.back();
    open.pop_back();
    follow_plain(text, pattern, at);
    if (at.pattern == pattern.size()) {
      extent.length = std::max(extent.length, at.text);
    } else if (at.text == text.size()) {
      extent.cut = true;
    } else {
      const Spellings next = spellings_at(text.substr(at.text), pattern.substr(at.pattern), alphabet);
      extent.cut = extent.cut || next.cut;
      for (std::size_t i = 0; i < next.count; ++i) {
        const Reached behind{at.pattern + next.found[i].pattern, at.text + next.found[i].text};
        if (seen.insert(behind).second) open.push_back(behind);
      }
    }
  }
  return extent;
}

/// How long the longest spelling of `pattern` is that `text` begins with.
Extent extent_of(std::string_view text, std::string_view pattern, Alphabet alphabet) {
  for (Reached at{0, 0};;) {
    follow_plain(text, pattern, at);
    if (at.pattern == pattern.size()) return {at.text, false};
    if (at.text == text.size()) return {0, true};
    if (text[at.text] != pattern[at.pattern] && !begins_encoding(text[at.text])) return {};
    const Spellings next = spellings_at(text.substr(at.text), pattern.substr(at.pattern), alphabet);
    if (next.count == 0) return {0, next.cut};
    if (next.count > 1 || next.cut) return extent_of_branches(text, pattern, alphabet, at);
    at.pattern += next.found[0].pattern;
    at.text += next.found[0].text;
  }
}

void allow_any_case(PrefixFilter& filter, unsigned group, std::size_t place, char c) {
  filter.allow(group, place, static_cast<unsigned char>(c));
  if (c >= 'a' && c <= 'f') filter.allow(group, place, static_cast<unsigned char>(c - 'a' + 'A'));
}

/// Which bytes of a pattern may come next at each of the filter's places.
class Reach {
 public:
  void add(std::size_t place, std::size_t pattern) noexcept {
    if (place < PrefixFilter::width) next_[place] |= 1U << pattern;
  }
  [[nodiscard]] bool has(std::size_t place, std::size_t pattern) const noexcept {
    return (next_[place] >> pattern & 1U) != 0;
  }

 private:
  std::array<std::uint32_t, PrefixFilter::width> next_{};
};
constexpr std::size_t most_reached = 4 * PrefixFilter::width;  // an escape stands for four bytes at the most

void allow_plain(PrefixFilter& filter, unsigned group, std::size_t place, char byte, Alphabet alphabet) {
  const Plain plain = plain_spellings(byte, alphabet);
  for (std::size_t i = 0; i < plain.count; ++i) {
    filter.allow(group, place, static_cast<unsigned char>(plain.characters[i]));
  }
}

/// The escapes that begin with `first`, for what pattern[from] begins.
void allow_escapes(PrefixFilter& filter, unsigned group, std::size_t place, char first,
                   std::string_view pattern, std::size_t from, Alphabet alphabet, Reach& reach) {
  const EscapeForms escapes = escapes_of(first, pattern.substr(from), alphabet);
  for (std::size_t i = 0; i < escapes.count; ++i) {
    const Escape& escape = escapes.all[i];
    for (std::size_t k = 0; k < escape.length && place + k < PrefixFilter::width; ++k) {
      allow_any_case(filter, group, place + k, escape.characters[k]);
    }
    reach.add(place + escape.length, from + escape.pattern);
  }
}

/// All that may stand from the second place on, where `reach` says what may come there.
void allow_rest(PrefixFilter& filter, unsigned group, std::string_view pattern, Alphabet alphabet,
                Reach reach) {
  for (std::size_t place = 1; place < PrefixFilter::width; ++place) {
    for (std::size_t from = 1; from < std::min(most_reached, pattern.size()); ++from) {
      if (!reach.has(place, from)) continue;
      allow_plain(filter, group, place, pattern[from], alphabet);
      reach.add(place + 1, from + 1);
      allow_escapes(filter, group, place, '%', pattern, from, alphabet, reach);
      allow_escapes(filter, group, place, '\\', pattern, from, alphabet, reach);
    }
  }
}

/// All texts that may begin `pattern`. Returns the groups that they are in.
unsigned allow(PrefixFilter& filter, unsigned group, std::string_view pattern, Alphabet alphabet) {
  Reach plain;
  allow_plain(filter, group, 0, pattern.front(), alphabet);
  plain.add(1, 1);
  allow_rest(filter, group, pattern, alphabet, plain);
  unsigned groups = 1U << group;
  for (const auto& [first, encoded_group] : {std::pair('%', percent_group), {'\\', backslash_group}}) {
    if (escapes_of(first, pattern, alphabet).count == 0) continue;
    Reach encoded;
    allow_escapes(filter, encoded_group, 0, first, pattern, 0, alphabet, encoded);
    allow_rest(filter, encoded_group, pattern, alphabet, encoded);
    groups |= 1U << encoded_group;
  }
  return groups;
}

proxy::WipingBuffer to_base64(const proxy::WipingBuffer& bytes) {
  constexpr int variant = sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
  proxy::WipingBuffer text(sodium_base64_encoded_len(bytes.size(), variant));
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), variant);
  text.pop_back();
  return text;
}

/// The characters of `bytes` in base64 that depend on none of the first `before` bytes, nor on any behind.
proxy::WipingBuffer own_characters(const proxy::WipingBuffer& bytes, std::size_t before) {
  const auto own = [](std::size_t n) { return static_cast<std::ptrdiff_t>(n); };
  const proxy::WipingBuffer text = to_base64(bytes);
  const std::size_t begin = (before * 8 + 5) / 6;
  const std::size_t end = bytes.size() * 8 / 6;
  return {text.begin() + own(begin), text.begin() + own(end)};
}

}  // namespace

bool ScrubPatterns::add(std::span<const std::byte> secret, std::string_view stand_in) {
  const std::string_view text(reinterpret_cast<const char*>(secret.data()), secret.size());
  if (text.size() < least_bytes || text == stand_in) return false;
  const auto is_this = [&](const Pattern& known) {
    return proxy::view(known.text) == text && known.replacement == stand_in;
  };
  if (std::ranges::any_of(patterns_, is_this)) return false;
  add_pattern({text.begin(), text.end()}, std::string(stand_in), Alphabet::bytes);
  for (std::size_t before = 0; before < 3; ++before) add_inside_base64(secret, stand_in, before);
  return true;
}

bool ScrubPatterns::add_basic(std::string_view sent, std::string_view received) {
  if (sent.size() < least_bytes || sent == received) return false;
  add_pattern({sent.begin(), sent.end()}, std::string(received), Alphabet::base64);
  return true;
}

/// A secret behind `before` bytes (of three) in base64. Its first and last byte may share a character with
/// their neighbours: that one stays, or the neighbours would change. What is put in is the stand-in, with a
/// byte in front and behind that completes a shared character, and as many '-' as keep what follows in step:
/// the text decodes as before but for this stretch.
void ScrubPatterns::add_inside_base64(std::span<const std::byte> secret, std::string_view stand_in,
                                      std::size_t before) {
  proxy::WipingBuffer bytes(before);
  proxy::append(bytes, {reinterpret_cast<const char*>(secret.data()), secret.size()});

  proxy::WipingBuffer instead(before);
  // With any high bits that stayed these low ones make a printable character that needs no escape.
  if (before != 0) instead.push_back('\x2d');
  proxy::append(instead, stand_in);
  const bool shares_last = bytes.size() % 3 != 0;
  while ((instead.size() + (shares_last ? 1 : 0)) % 3 != bytes.size() % 3) instead.push_back('-');
  if (shares_last) instead.push_back('\x60');

  const proxy::WipingBuffer replacement = own_characters(instead, before);
  add_pattern(own_characters(bytes, before), std::string(proxy::view(replacement)), Alphabet::base64);
}

void ScrubPatterns::add_pattern(proxy::WipingBuffer text, std::string replacement, Alphabet alphabet) {
  const std::string_view pattern = proxy::view(text);
  const unsigned group = first_group(alphabet) + static_cast<unsigned>(patterns_.size() % groups_of_each);
  for (unsigned groups = allow(filter_, group, pattern, alphabet); groups != 0; groups &= groups - 1) {
    by_group_[static_cast<std::size_t>(std::countr_zero(groups))].push_back(patterns_.size());
  }
  longest_ = std::max(longest_, text.size() * longest_spelling);
  patterns_.push_back({std::move(text), std::move(replacement), alphabet});
}

ScrubPatterns::Match ScrubPatterns::match_at(std::string_view text, std::size_t at) const {
  Match best;
  text.remove_prefix(at);
  for (unsigned groups = filter_.groups(text, 0); groups != 0; groups &= groups - 1) {
    for (const std::size_t i : by_group_[static_cast<std::size_t>(std::countr_zero(groups))]) {
      const Extent extent = extent_of(text, proxy::view(patterns_[i].text), patterns_[i].alphabet);
      best.cut = best.cut || extent.cut;
      // By the order in which they were added, where two are as long: not by that of the groups.
      if (extent.length < best.length || extent.length == 0) continue;
      if (extent.length > best.length || i < best.pattern) best.pattern = i;
      best.length = extent.length;
    }
  }
  return best;
}

void ScrubPatterns::append_replacement(const Match& match, std::string_view spelling,
                                       proxy::WipingBuffer& out) const {
  const Pattern& pattern = patterns_[match.pattern];
  // A stand-in is safe wherever its secret stood; base64 is not in a form or a URL.
  if (pattern.alphabet != Alphabet::base64 || !spelling.contains('%')) {
    return proxy::append(out, pattern.replacement);
  }
  for (const char c : pattern.replacement) {
    if (c == '+') {
      proxy::append(out, "%2B");
    } else if (c == '/') {
      proxy::append(out, "%2F");
    } else if (c == '=') {
      proxy::append(out, "%3D");
    } else {
      out.push_back(c);
    }
  }
}

}  // namespace standin::broker
