#include <sodium.h>

#include "tests/broker/scrubber_fixture.h"

namespace standin::broker {
namespace {

const std::string secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
const std::string stand_in = "ghp_standinXXXXXXXXXXXXXXXXXXXXXXXXXXXXX";

std::string encode(std::string_view bytes, int variant = sodium_base64_VARIANT_ORIGINAL) {
  std::string text(sodium_base64_encoded_len(bytes.size(), variant), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), variant);
  text.pop_back();
  return text;
}

std::string decode(const std::string& text, int variant = sodium_base64_VARIANT_ORIGINAL) {
  std::string bytes(text.size(), '\0');
  std::size_t size = 0;
  EXPECT_EQ(sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                              text.size(), nullptr, &size, nullptr, variant),
            0)
      << text;
  bytes.resize(size);
  return bytes;
}

/// `decoded` is `before`, the stand-in with at most three characters around it, and `behind`.
void expect_around(const std::string& decoded, const std::string& before, const std::string& name,
                   const std::string& behind) {
  ASSERT_TRUE(decoded.starts_with(before)) << decoded;
  ASSERT_TRUE(decoded.ends_with(behind)) << decoded;
  const std::string middle = decoded.substr(before.size(), decoded.size() - before.size() - behind.size());
  EXPECT_TRUE(middle.contains(name)) << decoded;
  EXPECT_LE(middle.size(), name.size() + 4);
  for (const char c : middle) EXPECT_TRUE(c > 0x20 && c < 0x7f && c != '"' && c != '\\') << decoded;
}

TEST(ScrubberBase64, FindsASecretAtEveryPlaceAndLeavesATextThatDecodes) {
  for (const int variant : {sodium_base64_VARIANT_ORIGINAL, sodium_base64_VARIANT_URLSAFE_NO_PADDING}) {
    for (std::size_t cut = 0; cut < 3; ++cut) {
      const std::string value = secret.substr(0, secret.size() - cut);
      for (const std::string& name : {stand_in, std::string("1:short"), std::string("standin_5")}) {
        const auto patterns = patterns_of({{value, name}});
        for (std::size_t before = 0; before < 7; ++before) {
          for (std::size_t behind = 0; behind < 4; ++behind) {
            const std::string front = std::string("~\xff\xfe???").substr(0, before);
            const std::string back = std::string("\xff\xfe~").substr(0, behind);
            const std::string text = encode(front + value + back, variant);
            const std::string result = scrub_whole(patterns, text);
            expect_around(decode(result, variant), front, name, back);
            EXPECT_EQ(scrub_in_pieces(patterns, text, {1}), result);
          }
        }
      }
    }
  }
}

TEST(ScrubberBase64, FindsSecretsOfAnyBytes) {
  for (unsigned first = 0; first < 256; ++first) {
    std::string value = "\xfb\xff\xfe>?~\xbf\xff";
    value[0] = static_cast<char>(first);
    value += static_cast<char>(first);
    const auto patterns = patterns_of({{value, stand_in}});
    for (const std::string& before : {std::string(), std::string("a"), std::string("ab")}) {
      for (const int variant : {sodium_base64_VARIANT_ORIGINAL, sodium_base64_VARIANT_URLSAFE}) {
        const std::string decoded =
            decode(scrub_whole(patterns, encode(before + value + "cd", variant)), variant);
        EXPECT_TRUE(decoded.starts_with(before) && decoded.ends_with("cd") && decoded.contains(stand_in));
        EXPECT_FALSE(decoded.contains(value.substr(1, 7)));
      }
    }
  }
}

TEST(ScrubberBase64, FindsItWhereItsOwnCharactersAreEncoded) {
  const std::string value = "\xfb\xff\xfe>?~\xbf\xff\xfb\xff\xfe";
  const std::string plain = encode(value);
  ASSERT_TRUE(plain.contains('+') && plain.contains('/'));
  const auto patterns = patterns_of({{value, stand_in}});
  std::string percent, json;
  for (const char c : plain) {
    percent += c == '+' ? "%2B" : c == '/' ? "%2f" : std::string(1, c);
    json += c == '+' ? "\\u002b" : c == '/' ? "\\/" : std::string(1, c);
  }
  const std::string expected = scrub_whole(patterns, plain);
  EXPECT_TRUE(decode(expected).contains(stand_in));
  expect_scrubbed(patterns, percent, expected);
  expect_scrubbed(patterns, json, expected);
}

TEST(ScrubberBase64, PutsInTheBasicValueThatTheChildSent) {
  ScrubPatterns patterns = patterns_of({{secret, stand_in}});
  const std::string sent = encode("user~?>:" + secret);
  const std::string received = encode("user~?>:" + stand_in + "XY");
  ASSERT_TRUE(received.contains('+') || received.contains('/'));
  ASSERT_TRUE(received.ends_with('='));
  EXPECT_TRUE(patterns.add_basic(sent, received));
  expect_scrubbed(patterns, "Authorization: Basic " + sent + "\r\n",
                  "Authorization: Basic " + received + "\r\n");
  const auto percent = [](const std::string& text) {
    std::string out;
    for (const char c : text)
      out += c == '+' ? "%2B" : c == '/' ? "%2F" : c == '=' ? "%3D" : std::string(1, c);
    return out;
  };
  expect_scrubbed(patterns, "a=" + percent(sent) + "&", "a=" + percent(received) + "&");
}

TEST(ScrubberBase64, AnotherUsersBasicWithTheSameSecretIsFoundToo) {
  ScrubPatterns patterns = patterns_of({{secret, stand_in}});
  patterns.add_basic(encode("user:" + secret), encode("user:" + stand_in));
  for (const std::string& user :
       {std::string(""), std::string("a"), std::string("ab"), std::string("octo")}) {
    expect_around(decode(scrub_whole(patterns, encode(user + ":" + secret))), user + ":", stand_in, "");
  }
}

}  // namespace
}  // namespace standin::broker
