#include "broker/recogniser.h"

#include <random>

#include <gtest/gtest.h>

#include "broker/redaction.h"

namespace standin::broker {
namespace {

using Match = Recogniser::Match;

std::vector<Match> all(const Recogniser& recogniser, std::string_view text) {
  std::vector<Match> matches;
  for (auto m = recogniser.next(text); m; m = recogniser.next(text, m->end)) matches.push_back(*m);
  return matches;
}

Recogniser of(std::vector<std::string_view> stand_ins) { return Recogniser(stand_ins); }

TEST(Recogniser, FindsWhatStandsFromWhereItIsTold) {
  const auto recogniser = of({"ab", "cd"});
  const auto matches = all(recogniser, "xabcdab");
  ASSERT_EQ(matches.size(), 3U);
  EXPECT_EQ(matches[1].begin, 3U);
  EXPECT_EQ(matches[1].end, 5U);
  EXPECT_EQ(matches[1].index, 1U);
  EXPECT_FALSE(recogniser.next("xabcdab", 6));
  EXPECT_FALSE(recogniser.next("xabcdab", 7));
  EXPECT_FALSE(recogniser.next("xabcdab", 700));
}

TEST(Recogniser, OfNothingFindsNothing) {
  EXPECT_FALSE(of({}).next("anything"));
  EXPECT_FALSE(of({""}).next("anything"));
  EXPECT_FALSE(of({"a"}).next(""));
}

TEST(Recogniser, FindsARawStandInBehindAStrayPercent) {
  const auto match = of({"abcdef"}).next("100%abcdef");
  ASSERT_TRUE(match);
  EXPECT_EQ(match->begin, 4U);
}

TEST(Recogniser, SpansTheWholeOfAnEncodedStandIn) {
  const auto match = of({"1:A"}).next("x%31%3a%41y");
  ASSERT_TRUE(match);
  EXPECT_EQ(match->begin, 1U);
  EXPECT_EQ(match->end, 10U);
}

TEST(Recogniser, TakesBytesAboveSevenBits) {
  const auto recogniser = of({"\xff\xfe"});
  EXPECT_TRUE(recogniser.next("x\xff\xfe"));
  EXPECT_TRUE(recogniser.next("x%ff%FE"));
}

/// The same claim in the slowest words: at each place, the longest stand-in of which each character is there
/// raw or as %XX.
std::vector<Match> slowly(const std::vector<std::string_view>& stand_ins, std::string_view text) {
  std::vector<Match> matches;
  for (std::size_t at = 0; at < text.size();) {
    std::optional<Match> best;
    for (std::size_t i = 0; i < stand_ins.size(); ++i) {
      std::size_t end = at;
      bool fits = true;
      for (const char c : stand_ins[i]) {
        if (text.substr(end, 1) == std::string_view(&c, 1)) {
          ++end;
        } else if (text.substr(end, 1) == "%" && text.size() - end > 2 && std::isxdigit(text[end + 1]) != 0 &&
                   std::isxdigit(text[end + 2]) != 0 &&
                   std::stoi(std::string(text.substr(end + 1, 2)), nullptr, 16) ==
                       static_cast<unsigned char>(c)) {
          end += 3;
        } else {
          fits = false;
          break;
        }
      }
      if (fits && (!best || stand_ins[i].size() > stand_ins[best->index].size())) best = Match{at, end, i};
    }
    if (best) matches.push_back(*best);
    at = best ? best->end : at + 1;
  }
  return matches;
}

TEST(Recogniser, AgreesWithTheSlowestWayToSayIt) {
  const std::vector<std::string_view> stand_ins = {"ab", "abc", "a1", "4", "b%", "61a", "cab"};
  const Recogniser recogniser(stand_ins);
  std::mt19937 engine(5);
  constexpr std::string_view letters = "abc%146123";
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (std::size_t n = engine() % 24; n > 0; --n) text += letters[engine() % letters.size()];
    const auto fast = all(recogniser, text);
    const auto slow = slowly(stand_ins, text);
    ASSERT_EQ(fast.size(), slow.size()) << text;
    for (std::size_t i = 0; i < fast.size(); ++i) {
      ASSERT_EQ(fast[i].begin, slow[i].begin) << text;
      ASSERT_EQ(fast[i].end, slow[i].end) << text;
      ASSERT_EQ(fast[i].index, slow[i].index) << text;
    }
  }
}

// --- redaction ---

std::string redacted(std::string_view target) {
  return redact_target(target, of({"standin_1", "12:standin_2"}));
}

TEST(Redaction, KeepsThePathAndTheNamesOfParameters) {
  EXPECT_EQ(redacted("/user/repos?page=2&per_page=100"), "/user/repos?page=…&per_page=…");
  EXPECT_EQ(redacted("/"), "/");
  EXPECT_EQ(redacted("*"), "*");
  EXPECT_EQ(redacted(""), "");
  EXPECT_EQ(redacted("/?"), "/?");
  EXPECT_EQ(redacted("/?a=&b&&c=1=2"), "/?a=&…&&c=…");
}

TEST(Redaction, RemovesStandInsWhereverTheyStandAndHoweverEncoded) {
  EXPECT_EQ(redacted("/bot12:standin_2/getMe"), "/bot…/getMe");
  EXPECT_EQ(redacted("/bot12%3Astandin%5F2/getMe"), "/bot…/getMe");
  EXPECT_EQ(redacted("/?standin_1=2&standin_1&x%73tandin_1y=standin_1"), "/?…=…&…&x…y=…");
}

TEST(Redaction, RemovesUserAndPassword) {
  EXPECT_EQ(redacted("http://user:pass@word@host/a@b?c=d"), "http://…@host/a@b?c=…");
  EXPECT_EQ(redacted("http://user:pass@host"), "http://…@host");
  EXPECT_EQ(redacted("user:pass@host:443"), "…@host:443");
  EXPECT_EQ(redacted("http://host/a@b"), "http://host/a@b");
  EXPECT_EQ(redacted("/@scope/pkg"), "/@scope/pkg");
}

TEST(Redaction, EscapesWhatIsNotPrintable) {
  EXPECT_EQ(redacted("/a b\r\n\x7f\xff\"\\"), "/a%20b%0D%0A%7F%FF\"\\");
  EXPECT_EQ(redacted(std::string_view("/\0", 2)), "/%00");
}

TEST(Redaction, CutsAtOneKibibyteAndNotWithinACharacter) {
  for (std::size_t lead = 1; lead < 8; ++lead) {
    for (const std::string_view piece : {"\n", "standin_1", "x"}) {
      std::string target(lead, '/');
      while (target.size() < 64 * 1024) target += piece;
      const std::string text = redacted(target);
      EXPECT_LE(text.size(), 1024U);
      EXPECT_GE(text.size(), 1018U);
      EXPECT_TRUE(text.ends_with("…"));
      const std::string body = text.substr(0, text.size() - std::string_view("…").size());
      EXPECT_TRUE(piece != "\n" || body.ends_with("%0A"));
      EXPECT_TRUE(piece != "standin_1" || body.ends_with("…"));
    }
  }
}

}  // namespace
}  // namespace standin::broker
