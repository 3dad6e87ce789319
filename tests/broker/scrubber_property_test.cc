// What holds for every body, tried on random ones: the same as the slowest way to say it, however it is cut.
#include <algorithm>
#include <random>
#include <set>

#include <sodium.h>

#include "proxy/ascii.h"
#include "tests/broker/scrubber_fixture.h"

namespace standin::broker {
namespace {

std::string utf8(std::uint32_t c) {
  const auto byte = [](std::uint32_t b) { return static_cast<char>(b); };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xc0 | c >> 6), byte(0x80 | (c & 63))};
  if (c < 0x10000) return {byte(0xe0 | c >> 12), byte(0x80 | (c >> 6 & 63)), byte(0x80 | (c & 63))};
  return {byte(0xf0 | c >> 18), byte(0x80 | (c >> 12 & 63)), byte(0x80 | (c >> 6 & 63)),
          byte(0x80 | (c & 63))};
}

std::optional<std::uint32_t> hex(std::string_view digits, std::size_t count) {
  if (digits.size() < count) return std::nullopt;
  std::uint32_t value = 0;
  for (const char c : digits.substr(0, count)) {
    if (proxy::hex_value(c) < 0) return std::nullopt;
    value = value * 16 + static_cast<std::uint32_t>(proxy::hex_value(c));
  }
  return value;
}

/// What `text` may begin with, decoded: (characters taken, bytes meant).
std::vector<std::pair<std::size_t, std::string>> readings(std::string_view text) {
  std::vector<std::pair<std::size_t, std::string>> all = {{1, std::string(text.substr(0, 1))}};
  if (text[0] == '+') all.emplace_back(1, " ");
  if (text[0] == '%') {
    if (const auto value = hex(text.substr(1), 2))
      all.emplace_back(3, std::string(1, static_cast<char>(*value)));
  }
  if (text[0] != '\\' || text.size() < 2) return all;
  constexpr std::string_view letters = "\"\\/bfnrt", bytes = "\"\\/\b\f\n\r\t";
  if (const auto at = letters.find(text[1]); at != letters.npos)
    all.emplace_back(2, std::string(1, bytes[at]));
  const auto unit = text[1] == 'u' ? hex(text.substr(2), 4) : std::nullopt;
  if (!unit) return all;
  if (*unit < 0x100) all.emplace_back(6, std::string(1, static_cast<char>(*unit)));
  all.emplace_back(6, utf8(*unit));
  const auto low = text.substr(6, 2) == "\\u" ? hex(text.substr(8), 4) : std::nullopt;
  if (low && *unit >= 0xd800 && *unit < 0xdc00 && *low >= 0xdc00 && *low < 0xe000) {
    all.emplace_back(12, utf8(0x10000 + ((*unit & 0x3ff) << 10 | (*low & 0x3ff))));
  }
  return all;
}

/// Where a spelling of `secret` at the beginning of `text` may end; 0: nowhere.
std::size_t longest(std::string_view text, std::string_view secret) {
  if (secret.empty()) return 0;
  std::set<std::pair<std::size_t, std::size_t>> reached = {{0, 0}};
  std::size_t best = 0;
  for (auto it = reached.begin(); it != reached.end(); ++it) {
    const auto [decoded, at] = *it;
    if (decoded == secret.size()) best = std::max(best, at);
    if (decoded == secret.size() || at == text.size()) continue;
    for (const auto& [taken, bytes] : readings(text.substr(at))) {
      if (secret.substr(decoded).starts_with(bytes)) reached.emplace(decoded + bytes.size(), at + taken);
    }
  }
  return best;
}

std::string slowly(const std::vector<Sent>& all, std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t best = 0;
    const Sent* found = nullptr;
    for (const Sent& sent : all) {
      const std::size_t length = longest(text.substr(at), sent.secret);
      if (length > best) {
        best = length;
        found = &sent;
      }
    }
    out += found != nullptr ? found->stand_in : std::string(text.substr(at, 1));
    at += std::max<std::size_t>(best, 1);
  }
  return out;
}

class Bodies {
 public:
  explicit Bodies(unsigned seed) : engine_(seed) {}
  std::size_t below(std::size_t n) { return engine_() % n; }

  /// A secret or the first part of one, some of its bytes encoded; or something near.
  std::string piece(const std::vector<Sent>& all) {
    static const std::vector<std::string> odds = {"%", "\\", "\\u", "%2",      "\\u00",
                                                  "+", "a",  " ",   "\\ud83d", "\n\n"};
    if (below(3) == 0) return odds[below(odds.size())];
    const std::string& secret = all[below(all.size())].secret;
    const std::size_t end = below(2) == 0 ? secret.size() : below(secret.size() + 1);
    std::string out;
    const std::size_t often = below(2) == 0 ? 2 : 12;
    for (std::size_t i = 0; i < end; ++i)
      out += below(often) == 0 ? encoded(secret[i]) : std::string(1, secret[i]);
    return out;
  }

 private:
  std::string encoded(char c) {
    const auto byte = static_cast<unsigned char>(c);
    const std::string_view digits = below(2) == 0 ? "0123456789abcdef" : "0123456789ABCDEF";
    const std::string two = {digits[byte >> 4], digits[byte & 15]};
    constexpr std::string_view letters = "\"\\/bfnrt", bytes = "\"\\/\b\f\n\r\t";
    switch (below(3)) {
      case 0:
        return "%" + two;
      case 1:
        return "\\u00" + two;
      default:
        if (const auto at = bytes.find(c); at != bytes.npos) return {'\\', letters[at]};
        return c == ' ' ? "+" : std::string(1, c);
    }
  }
  std::mt19937 engine_;
};

const std::vector<std::vector<Sent>>& sets() {
  static const std::vector<std::vector<Sent>> all = {
      {{"ghp_01234567", "ghp_stand-in"}},
      {{"aaaaaaaa", "standin_1"}, {"aaaaaaaaab", "standin_2"}, {"abababababa", "standin_3"}},
      {{"%25%25%2", "standin_1"}, {"\\\\\\\\\\u0u0", "standin_2"}, {" + + + +", "standin_3"}},
      {{"\\\\\\\\\\\\\\\\n", "standin_1"}, {"%%%%%%%%", "standin_2"}},
      {{"\xc3\x83\xc3\x83\xc2\x83\xf0\x9f\x94\x91", "standin_1"}, {"\xff\xfe\xc3(\xc3(zz\xc3", "standin_2"}},
      {{"sk-a/b+c=d", "s-1"},
       {"sk-a/b+c=d\n", "s-2"},
       {"sk-a/b+c", "s-3"},
       {"b+c=d\nsk", "s-4"},
       {"1:Aaaaaaa", "s-5"},
       {"u0067u00", "s-6"},
       {"nabcdefgh", "s-7"}},
  };
  return all;
}

TEST(ScrubberProperty, AgreesWithTheSlowestWayToSayItHoweverItIsCut) {
  std::size_t changed = 0;
  for (unsigned seed = 0; seed < 3000; ++seed) {
    Bodies bodies(seed);
    const std::vector<Sent>& all = sets()[seed % sets().size()];
    const auto patterns = patterns_of(all);
    std::string body;
    for (std::size_t n = bodies.below(9); n > 0; --n) body += bodies.piece(all);
    const std::string expected = slowly(all, body);
    if (expected != body) ++changed;
    ASSERT_EQ(scrub_whole(patterns, body), expected) << seed << ": " << body;
    ASSERT_EQ(scrub_in_pieces(patterns, body, {1}), expected) << seed << ": " << body;
    for (int round = 0; round < 4; ++round) {
      const std::vector<std::size_t> sizes = {1 + bodies.below(7), 1 + bodies.below(40), 1 + bodies.below(3)};
      ASSERT_EQ(scrub_in_pieces(patterns, body, sizes), expected) << seed << ": " << body;
    }
  }
  EXPECT_GT(changed, 1000U);
}

/// Whether more text may make a spelling of this one. For secrets of letters, digits and '_'.
bool may_begin(std::string_view text, std::string_view secret) {
  if (secret.empty()) return false;
  if (text.empty()) return true;
  if (text[0] == secret[0]) return may_begin(text.substr(1), secret.substr(1));
  const auto byte = static_cast<unsigned char>(secret[0]);
  const std::string two = {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
  for (const std::string& escape : {"%" + two, "\\u00" + two}) {
    const std::string begins = proxy::lower(text.substr(0, escape.size()));
    if (text.starts_with("\\U") || !escape.starts_with(begins)) continue;
    return text.size() < escape.size() || may_begin(text.substr(escape.size()), secret.substr(1));
  }
  return false;
}

/// Whether it may begin what is the secret's own in a base64 text.
bool may_begin_in_base64(std::string_view text, const std::string& secret) {
  for (const std::size_t before : {0, 1, 2}) {
    constexpr int variant = sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
    const std::string bytes = std::string(before, 'x') + secret;
    std::string encoded(sodium_base64_encoded_len(bytes.size(), variant), '\0');
    sodium_bin2base64(encoded.data(), encoded.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                      bytes.size(), variant);
    const auto own = std::string_view(encoded).substr((before * 8 + 5) / 6);
    if (own.starts_with(text)) return true;
  }
  return false;
}

TEST(ScrubberProperty, WhatIsHeldIsTheBeginningOfASecret) {
  std::size_t held = 0;
  for (unsigned seed = 0; seed < 4000; ++seed) {
    Bodies bodies(seed);
    const std::vector<Sent>& all = sets()[seed % 2];  // in the others a byte can be read in two ways
    const auto patterns = patterns_of(all);
    std::string body;
    for (std::size_t n = bodies.below(4) + 1; n > 0; --n) body += bodies.piece(all);
    Scrubber scrubber(patterns);
    proxy::WipingBuffer out;
    scrubber.feed(body, out);
    if (scrubber.held() == 0) continue;
    const std::string waits = body.substr(body.size() - scrubber.held());
    ASSERT_TRUE(std::ranges::any_of(all,
                                    [&](const Sent& sent) {
                                      return may_begin(waits, sent.secret) ||
                                             may_begin_in_base64(waits, sent.secret);
                                    }))
        << seed << ": " << waits;
    ++held;
  }
  EXPECT_GT(held, 500U);
}

TEST(PrefixFilter, SaysTheSameOnEveryProcessor) {
  std::mt19937 engine(3);
  for (int round = 0; round < 200; ++round) {
    PrefixFilter filter;
    for (int i = 0; i < 60; ++i) {
      filter.allow(static_cast<unsigned>(engine() % 8), engine() % PrefixFilter::width,
                   static_cast<unsigned char>(engine() % 32 + (engine() % 2) * 224));
    }
    std::string text;
    for (std::size_t n = engine() % 300; n > 0; --n)
      text += static_cast<char>(engine() % 32 + (engine() % 2) * 224);
    for (std::size_t at = 0; at <= text.size(); ++at) {
      const std::size_t found = filter.next(text, at, PrefixFilter::Step::byte);
      for (auto step = PrefixFilter::Step::byte; step <= PrefixFilter::widest();) {
        ASSERT_EQ(filter.next(text, at, step), found) << at;
        step = static_cast<PrefixFilter::Step>(static_cast<int>(step) + 1);
      }
    }
  }
}

}  // namespace
}  // namespace standin::broker
