#include "broker/scrubber.h"

#include "tests/broker/scrubber_fixture.h"

namespace standin::broker {
namespace {

const std::string github = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
const std::string github_stand_in = "ghp_standinXXXXXXXXXXXXXXXXXXXXXXXXXXXXX";
const std::string odd = "p/+= \"q\\%&\n\t~";
const std::string odd_stand_in = "standin_0123456789abcdef0123456789abcdef";

ScrubPatterns of_github() { return patterns_of({{github, github_stand_in}}); }
ScrubPatterns of_odd() { return patterns_of({{odd, odd_stand_in}}); }

TEST(Scrubber, ReplacesASecretThatStandsAsItIs) {
  expect_scrubbed(of_github(), "{\"token\":\"" + github + "\"}", "{\"token\":\"" + github_stand_in + "\"}");
  expect_scrubbed(of_github(), github, github_stand_in);
  expect_scrubbed(of_github(), github + github, github_stand_in + github_stand_in);
  expect_scrubbed(of_github(), "ghp_" + github, "ghp_" + github_stand_in);
  expect_scrubbed(of_odd(), "<" + odd + ">", "<" + odd_stand_in + ">");
}

TEST(Scrubber, LeavesAllElseAsItIs) {
  const std::string near = github.substr(0, 39);
  for (const std::string& body : {std::string(), std::string("ghp_"), near, near + "X", near + near + "%",
                                  std::string("\\u00"), std::string("%67%68"), std::string(300, '\0')}) {
    expect_scrubbed(of_github(), body, body);
  }
}

TEST(Scrubber, FindsPercentEncodedBytesOfEitherCase) {
  expect_scrubbed(of_odd(), "k=p%2F%2B%3D%20%22q%5C%25%26%0A%09~&", "k=" + odd_stand_in + "&");
  expect_scrubbed(of_odd(), "k=p%2f%2b%3d+%22q%5c%25%26%0a%09%7e&", "k=" + odd_stand_in + "&");
  std::string all;
  for (const char c : github) {
    all += '%';
    all += "0123456789ABCDEF"[c >> 4 & 15];
    all += "0123456789abcdef"[c & 15];
  }
  expect_scrubbed(of_github(), "x" + all + "y", "x" + github_stand_in + "y");
}

TEST(Scrubber, FindsJsonEscapes) {
  expect_scrubbed(of_odd(), R"("p/+= \"q\\%&\n\t~")", "\"" + odd_stand_in + "\"");
  expect_scrubbed(of_odd(), R"("p\/\u002B\u003d \u0022q\u005C%\u0026\u000a\u0009\u007e")",
                  "\"" + odd_stand_in + "\"");
  expect_scrubbed(of_github(), R"("\u0067hp\u005f)" + github.substr(4), "\"" + github_stand_in);
  expect_scrubbed(patterns_of({{"\b\f\r\n/\"\\\t", "standin_1"}}), R"(a\b\f\r\n\/\"\\\tb)", "astandin_1b");
}

TEST(Scrubber, FindsMixedEncodings) {
  // A URL in JSON as PHP writes it.
  expect_scrubbed(of_odd(), R"("https:\/\/h\/?k=p\/%2b= %22q%5C%25\u0026%0a%09~")",
                  R"("https:\/\/h\/?k=)" + odd_stand_in + "\"");
}

TEST(Scrubber, FindsCharactersBeyondAsciiAsJsonWritesThem) {
  const auto patterns = patterns_of({{"gr\xc3\xbc\xc3\x9f \xe2\x82\xac\xf0\x9f\x94\x91", "standin_1"}});
  for (const char* body :
       {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac\xf0\x9f\x94\x91", R"(gr\u00fc\u00DF \u20ac\ud83d\uDD11)",
        R"(gr\u00c3\u00bc\u00c3\u009f \u00e2\u0082\u00ac\u00f0\u009f\u0094\u0091)",
        "gr%C3%BC%c3%9f+%e2%82%ac%F0%9F%94%91"}) {
    expect_scrubbed(patterns, std::string("a") + body + "b", "astandin_1b");
  }
}

TEST(Scrubber, TakesTheLongestOfThoseThatBeginTogether) {
  const std::vector<Sent> both = {{"abcdefgh", "standin_1"}, {"abcdefghij", "standin_2"}};
  expect_scrubbed(patterns_of(both), "abcdefgh abcdefghi abcdefghij", "standin_1 standin_1i standin_2");
  expect_scrubbed(patterns_of({both[1], both[0]}), "abcdefghij", "standin_2");
}

TEST(Scrubber, TakesTheLongestWayToReadOne) {
  const auto patterns = patterns_of({{"1234567%", "standin_1"}, {"\\\\\\\\\\\\\\\\", "standin_2"}});
  expect_scrubbed(patterns, "1234567%", "standin_1");
  expect_scrubbed(patterns, "1234567%25", "standin_1");
  expect_scrubbed(patterns, "1234567%2x", "standin_12x");
  expect_scrubbed(patterns, std::string(7, '\\'), std::string(7, '\\'));
  expect_scrubbed(patterns, std::string(8, '\\'), "standin_2");
  expect_scrubbed(patterns, std::string(16, '\\'), "standin_2");
}

TEST(Scrubber, TakesTheLeftmostOfThoseThatOverlap) {
  expect_scrubbed(patterns_of({{"abcdefgh", "standin_1"}, {"efghijkl", "standin_2"}}), "abcdefghijkl",
                  "standin_1ijkl");
}

TEST(Scrubber, DoesNotLookAtWhatItPutIn) {
  expect_scrubbed(patterns_of({{"abcdefgh", "12345678"}, {"12345678", "standin_2"}}), "abcdefgh 12345678",
                  "12345678 standin_2");
}

TEST(Scrubber, HoldsOnlyWhatMayBeginASecret) {
  const auto patterns = of_github();
  const auto held_after = [&](std::string_view piece) {
    Scrubber scrubber(patterns);
    proxy::WipingBuffer out;
    scrubber.feed(piece, out);
    EXPECT_EQ(out.size() + scrubber.held(), piece.size());
    return scrubber.held();
  };
  EXPECT_EQ(held_after("data: {\"text\":\"100% of it\"}\n\n"), 0U);
  EXPECT_EQ(held_after("data: ghp_01234567 "), 0U);
  EXPECT_EQ(held_after("data: g"), 1U);
  EXPECT_EQ(held_after("data: ghp_0"), 5U);
  EXPECT_EQ(held_after("data: ghp_ghp_0"), 5U);
  EXPECT_EQ(held_after("data: %"), 1U);
  EXPECT_EQ(held_after("data: %6"), 2U);
  EXPECT_EQ(held_after("data: %7"), 0U);
  EXPECT_EQ(held_after("data: g%68\\u007"), 9U);
  EXPECT_EQ(held_after("data: g%68\\u006"), 5U);  // another beginning
  EXPECT_EQ(held_after("data: \\"), 1U);
  EXPECT_EQ(held_after("data: \\\""), 0U);
}

TEST(Scrubber, AnEventThatEndsWithItsPieceLeavesWithItEvenWhereTheSecretHasLineBreaks) {
  const auto patterns = patterns_of({{"-----BEGIN KEY-----\nMIIB\n", "standin_1"}});
  Scrubber scrubber(patterns);
  proxy::WipingBuffer out;
  scrubber.feed("data: -----BEGIN KEY-----\n\n", out);
  EXPECT_EQ(text_of(out), "data: -----BEGIN KEY-----\n\n");
}

TEST(Scrubber, PassesAllOnWhereThereIsNothingToLookFor) {
  const ScrubPatterns none;
  EXPECT_TRUE(none.empty());
  expect_scrubbed(none, "abc", "abc");
}

TEST(ScrubPatterns, DoNotTakeASecretThatOrdinaryTextMayHold) {
  ScrubPatterns patterns;
  EXPECT_FALSE(patterns.add(std::as_bytes(std::span("1234567", 7)), "standin_1"));
  EXPECT_TRUE(patterns.empty());
  EXPECT_TRUE(patterns.add(std::as_bytes(std::span("12345678", 8)), "standin_1"));
  EXPECT_FALSE(patterns.add(std::as_bytes(std::span("12345678", 8)), "12345678"));
}

}  // namespace
}  // namespace standin::broker
