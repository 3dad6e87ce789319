#include "broker/stand_in.h"

#include <cmath>
#include <map>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace standin::broker {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

constexpr std::array<std::string_view, 5> alphabets = {"alnum", "base64url", "hex", "digits", "upper_alnum"};

Credential shaped(std::string prefix, std::string alphabet, std::size_t length) {
  Credential credential;
  credential.name = "test";
  credential.shape = {std::move(prefix), std::move(alphabet), length};
  return credential;
}

std::string one(const Credential& credential, const RandomSource& random = {}) {
  return make_stand_ins(std::span(&credential, 1), random).front();
}

/// Bytes that anybody can repeat.
RandomSource deterministic(unsigned seed) {
  return [engine = std::mt19937(seed)](std::span<unsigned char> bytes) mutable {
    for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(engine());
  };
}

TEST(StandIn, CopiesTheShapeOfAGithubToken) {
  EXPECT_THAT(one(shaped("ghp_", "alnum", 36)), MatchesRegex("ghp_standin[0-9A-Za-z]{29}"));
}

TEST(StandIn, OfNoKnownShapeIsStandinAndThirtyTwoCharacters) {
  EXPECT_THAT(one(Credential{}), MatchesRegex("standin_[0-9A-Za-z]{32}"));
  EXPECT_THAT(one(shaped("x_", "runes", 40)), MatchesRegex("standin_[0-9A-Za-z]{32}"));
  EXPECT_THAT(one(shaped("x_", "alnum", 0)), MatchesRegex("standin_[0-9A-Za-z]{32}"));
}

TEST(StandIn, NeverHasAPrefixThatAnEncoderWouldChange) {
  for (const char* prefix : {"a b", "a%41", "a\"", "a\\", "a\n", "\xc3\xa4", "\x7f"}) {
    EXPECT_THAT(one(shaped(prefix, "alnum", 40)), StartsWith("standin_")) << prefix;
  }
  EXPECT_THAT(one(shaped("123456789:AA", "base64url", 33)), StartsWith("123456789:AAstandin"));
}

TEST(StandIn, SaysStandinInTheLettersOfItsAlphabet) {
  EXPECT_THAT(one(shaped("AKIA", "upper_alnum", 40)), StartsWith("AKIASTANDIN"));
  EXPECT_THAT(one(shaped("", "hex", 64)), testing::Not(HasSubstr("standin")));
}

TEST(StandIn, LengthensAShapeTooShortForItsRandomBits) {
  EXPECT_EQ(one(shaped("k-", "digits", 6)).size(), 2U + 39U);
  EXPECT_EQ(one(shaped("", "hex", 16)).size(), 32U);
  EXPECT_EQ(one(shaped("", "alnum", 1)).size(), 22U);
}

TEST(StandIn, HasItsBitsItsAlphabetAndItsMarkInEveryShape) {
  for (const std::string_view alphabet : alphabets) {
    const std::string_view characters = alphabet_characters(alphabet);
    const double bits = std::log2(static_cast<double>(characters.size()));
    for (std::size_t length = 1; length <= 120; ++length) {
      const std::string text = one(shaped("p:", std::string(alphabet), length), deterministic(7));
      ASSERT_THAT(text, StartsWith("p:"));
      const std::string body = text.substr(2);
      ASSERT_EQ(body.find_first_not_of(characters), std::string::npos) << body;
      const bool lower = body.starts_with("standin");
      const bool marked = lower || body.starts_with("STANDIN");
      const std::size_t random = body.size() - (marked ? 7 : 0);
      ASSERT_GE(static_cast<double>(random) * bits, 128) << alphabet << ' ' << length;
      // The length is the secret's own wherever 128 bits fit, the mark is there wherever both do.
      if (static_cast<double>(length) * bits >= 128) {
        ASSERT_EQ(body.size(), length) << alphabet;
      }
      const bool letters = alphabet != "hex" && alphabet != "digits";
      ASSERT_EQ(marked, letters && length >= 7 && static_cast<double>(length - 7) * bits >= 128)
          << alphabet << ' ' << length;
    }
  }
}

TEST(StandIn, EveryCharacterOfAnAlphabetIsAsLikelyAsAnyOther) {
  for (const std::string_view alphabet : alphabets) {
    const auto characters = alphabet_characters(alphabet);
    const std::string text = one(shaped("", std::string(alphabet), 200'007), deterministic(1));
    std::map<char, int> counts;
    for (const char c : std::string_view(text).substr(7)) ++counts[c];
    ASSERT_EQ(counts.size(), characters.size()) << alphabet;
    const double mean = 200'000.0 / static_cast<double>(characters.size());
    // Five sigma; a remainder without rejection is off by a quarter of the mean.
    for (const auto& [c, count] : counts)
      EXPECT_NEAR(count, mean, 5 * std::sqrt(mean)) << alphabet << ' ' << c;
  }
}

TEST(StandIn, DiffersInEveryRunAndForEveryCredential) {
  std::set<std::string> seen;
  const std::vector<Credential> credentials(20, shaped("ghp_", "alnum", 36));
  for (int run = 0; run < 50; ++run) {
    for (auto& text : make_stand_ins(credentials)) EXPECT_TRUE(seen.insert(text).second) << text;
  }
}

TEST(StandIn, IsMadeAgainWhereItWouldContainAnother) {
  // First the same 64 bytes twice, so that the second credential's first try repeats the first's stand-in.
  int call = 0;
  auto rest = deterministic(3);
  const RandomSource repeats = [&](std::span<unsigned char> bytes) {
    if (++call > 2) return rest(bytes);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<unsigned char>(i % 32);
  };
  const std::vector<Credential> credentials = {shaped("", "hex", 32), shaped("", "hex", 32),
                                               shaped("", "hex", 32), shaped("", "hex", 64)};
  const auto made = make_stand_ins(credentials, repeats);
  ASSERT_EQ(made.size(), 4U);
  for (const auto& a : made) {
    for (const auto& b : made) EXPECT_TRUE(&a == &b || !a.contains(b)) << a << ' ' << b;
  }
  EXPECT_GT(call, 2);
}

TEST(StandIn, GivesUpOnARandomSourceThatIsBroken) {
  const std::vector<Credential> credentials(2, shaped("", "hex", 32));
  EXPECT_THROW(make_stand_ins(credentials, [](auto bytes) { std::ranges::fill(bytes, 1); }), Error);
  // 255 is past the last whole multiple of 62: drawn again for ever.
  EXPECT_THROW(
      make_stand_ins(std::vector(1, Credential{}), [](auto bytes) { std::ranges::fill(bytes, 255); }), Error);
}

TEST(StandIn, NoCredentialsMakeNone) { EXPECT_TRUE(make_stand_ins({}).empty()); }

}  // namespace
}  // namespace standin::broker
