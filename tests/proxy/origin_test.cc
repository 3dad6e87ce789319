#include "proxy/origin.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/error.h"
#include "proxy/message.h"

namespace standin::proxy {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;

std::string https(std::string_view authority) {
  const auto origin = Origin::from_authority(Scheme::https, authority);
  return origin ? origin->to_string() : "none";
}

Origin origin(std::string_view authority, Scheme scheme = Scheme::https) {
  return Origin::from_authority(scheme, authority).value();
}

OriginPattern pattern(std::string_view text) { return OriginPattern::parse(text); }

std::string refusal(std::string_view text) {
  try {
    return "accepted as " + OriginPattern::parse(text).to_string();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::bad_origin);
    EXPECT_FALSE(error.hint().empty());
    return error.what();
  }
}

TEST(Origin, HostIsNormalised) {
  EXPECT_EQ(https("API.GitHub.com"), "https://api.github.com");
  EXPECT_EQ(https("api.github.com."), "https://api.github.com");
  EXPECT_EQ(https("LOCALHOST."), "https://localhost");
  EXPECT_EQ(https("my_bucket.s3.example.com"), "https://my_bucket.s3.example.com");
  EXPECT_EQ(https("r3---sn-4g5e6nz7.example.com"), "https://r3---sn-4g5e6nz7.example.com");
  EXPECT_EQ(https("3com.com"), "https://3com.com");
}

TEST(Origin, DefaultPortIsLeftOut) {
  EXPECT_EQ(https("a.example:443"), "https://a.example");
  EXPECT_EQ(https("a.example:80"), "https://a.example:80");
  EXPECT_EQ(origin("a.example:80", Scheme::http).to_string(), "http://a.example");
  EXPECT_EQ(origin("a.example", Scheme::http).port, 80);
  EXPECT_EQ(origin("a.example:443", Scheme::http).authority(), "a.example:443");
  EXPECT_EQ(origin("a.example:00443").port, 443);
  EXPECT_EQ(origin("a.example:65535").port, 65535);
}

TEST(Origin, IPv6StandsInBrackets) {
  EXPECT_EQ(https("[2001:DB8::0:1]"), "https://[2001:db8::1]");
  EXPECT_EQ(https("[2001:db8::1]:8443"), "https://[2001:db8::1]:8443");
  EXPECT_EQ(origin("[::1]").host, "::1");
  EXPECT_EQ(origin("[::1]").address(), IpAddress::parse("::1"));
  EXPECT_EQ(https("[::ffff:127.0.0.1]"), "https://127.0.0.1");
  for (const char* text :
       {"[::1", "::1]", "::1", "[::1]443", "[::1]:", "[]", "[]:443", "[127.0.0.1]", "[::1%lo]",
        "[fe80::1%25eth0]", "[v1.x]", "[[::1]]", "[::1]:443:443", "[example.com]"})
    EXPECT_EQ(https(text), "none") << text;
}

TEST(Origin, EverySpellingOfAnIPv4AddressIsThatAddress) {
  for (const char* text :
       {"127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "0x7f000001", "017700000001",
        "0X7F.0.0.0X1", "127.0.0.1.", "0177.1", "１２７.0.0.1", "127。0。0。1"})
    EXPECT_EQ(https(text), "https://127.0.0.1") << text;
  EXPECT_EQ(https("4294967295"), "https://255.255.255.255");
  EXPECT_EQ(https("0"), "https://0.0.0.0");
  EXPECT_EQ(origin("0xa9fea9fe").address(), IpAddress::v4(0xa9fea9fe));
  EXPECT_EQ(origin("a.example").address(), std::nullopt);
}

TEST(Origin, NameThatEndsInANumberIsAnAddressOrNothing) {
  for (const char* text : {"256.0.0.1", "1.2.3.4.5", "4294967296", "08.0.0.1", "1.2.3.0x", "0x", "foo.1",
                           "foo.0x1f", "1..2", "1.2.3.99999999999999999999", "-1", "1.-2.3", "0x7g.0.0.1"})
    EXPECT_EQ(https(text), "none") << text;
}

TEST(Origin, InternationalNamesBecomeALabels) {
  EXPECT_EQ(https("bücher.example"), "https://xn--bcher-kva.example");
  EXPECT_EQ(https("BÜCHER.example"), "https://xn--bcher-kva.example");
  EXPECT_EQ(https("bu\xcc\x88"
                  "cher.example"),
            "https://xn--bcher-kva.example");
  EXPECT_EQ(https("XN--BCHER-KVA.example"), "https://xn--bcher-kva.example");
  EXPECT_EQ(https("faß.example"), "https://xn--fa-hia.example");  // nontransitional: not fass.example
  EXPECT_EQ(https("例え.テスト:8443"), "https://xn--r8jz45g.xn--zckzah:8443");
  EXPECT_EQ(https("ｇｉｔｈｕｂ.com"), "https://github.com");
  EXPECT_EQ(https("api。github。com"), "https://api.github.com");
}

TEST(Origin, InternationalNameThatMapsToSomethingElseIsRefused) {
  for (const auto& text :
       {"example.com℀evil.example"s, "a\u2044b.example"s, "a\uff0fb.example"s, "\u00ad.example"s,
        "bü cher.example"s, "bü\0cher.example"s, "\xff\xfe.example"s, "\xc3.example"s, "a\u202eb.example"s,
        "xn--\u00fc.example"s, "a\u200db.example"s, "ü@evil.example"s})
    EXPECT_EQ(https(text), "none") << text;
}

TEST(Origin, NothingButHostAndPortIsAnAuthority) {
  for (const auto& text :
       {""s,           "."s,        ".."s,        ".a.example"s, "a..example"s,  "a.example.."s,
        "a b"s,        " a"s,       "a "s,        "a\tb"s,       "a\r\nb"s,      "a\0b"s,
        "a\x7f"s,      "user@a"s,   "user:pw@a"s, "a/"s,         "a/b"s,         "a?b"s,
        "a#b"s,        "a\\b"s,     "a%2eb"s,     "https://a"s,  "*.a.example"s, "*"s,
        "a:"s,         "a:0"s,      "a:65536"s,   "a:+443"s,     "a:-1"s,        "a: 443"s,
        "a:443 "s,     "a:4 3"s,    "a:0x1bb"s,   "a:000443"s,   "a:443:443"s,   ":443"s,
        "a,b"s,        "a;b"s,      "a'b"s,       "a\"b"s,       "<a>"s,         "a|b"s,
        "-a.example"s, "a:４４３"s, "a^b"s,       "a`b"s,        "{a}"s,         "a:99999999999999999999"s})
    EXPECT_EQ(https(text), "none") << text;
}

TEST(Origin, LabelsAndHostsHaveLimits) {
  const std::string label(63, 'a');
  EXPECT_NE(https(label + ".example"), "none");
  EXPECT_EQ(https(label + "a.example"), "none");
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'b');
  ASSERT_EQ(longest.size(), 253U);
  EXPECT_NE(https(longest), "none");
  EXPECT_NE(https(longest + "."), "none");
  EXPECT_EQ(https(longest + "b"), "none");
  EXPECT_EQ(https(std::string(1 << 20, 'a')), "none");
  std::string umlauts;
  for (int i = 0; i < 400; ++i) umlauts += "ü";
  EXPECT_EQ(https(umlauts), "none");
}

TEST(Origin, EverySingleByteBeyondTheAlphabetIsRefused) {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool allowed = std::isalnum(byte) || c == '-' || c == '_' || c == '.';
    EXPECT_EQ(Origin::from_authority(Scheme::https, "ab"s + c + "cd").has_value(), allowed) << byte;
  }
}

TEST(OriginPattern, ReadsWhatAPersonWrites) {
  for (const auto& [text, same] : std::to_array<std::array<const char*, 2>>({
           {"api.example.com", "api.example.com"},
           {"https://API.example.com", "api.example.com"},
           {"HTTPS://api.example.com:443", "api.example.com"},
           {"*.example.com", "*.example.com"},
           {"https://*.example.com:8443", "*.example.com:8443"},
           {"*.bücher.example", "*.xn--bcher-kva.example"},
           {"http://localhost:8080", "http://localhost:8080"},
           {"http://localhost:80", "http://localhost"},
           {"http://localhost:443", "http://localhost:443"},
           {"[2001:db8::1]", "[2001:db8::1]"},
           {"[2001:db8::1]:8443", "[2001:db8::1]:8443"},
           {"0x7f.1", "127.0.0.1"},
           {"*.com", "*.com"},
       })) {
    EXPECT_EQ(pattern(text).to_string(), same);
    EXPECT_EQ(pattern(pattern(text).to_string()), pattern(text)) << text;
  }
}

TEST(OriginPattern, SaysWhichRuleIsBroken) {
  EXPECT_THAT(refusal("https://example.com@evil.example"), HasSubstr("has a user name in it"));
  EXPECT_THAT(refusal("example.com/"), HasSubstr("has a path in it"));
  EXPECT_THAT(refusal("https://example.com/a?b"), HasSubstr("has a query in it"));
  EXPECT_THAT(refusal("example.com#x"), HasSubstr("has a fragment in it"));
  EXPECT_THAT(refusal("ftp://example.com"), HasSubstr("has a scheme other than https and http"));
  EXPECT_THAT(refusal("://example.com"), HasSubstr("has a scheme other than https and http"));
  EXPECT_THAT(refusal("*"), HasSubstr("has a wildcard that is not the whole leftmost label"));
  EXPECT_THAT(refusal("a.*.example.com"), HasSubstr("has a wildcard that is not the whole leftmost label"));
  EXPECT_THAT(refusal("a*.example.com"), HasSubstr("has a wildcard that is not the whole leftmost label"));
  EXPECT_THAT(refusal("*.*.example.com"), HasSubstr("has a wildcard that is not the whole leftmost label"));
  EXPECT_THAT(refusal("*."), HasSubstr("has no host"));
  EXPECT_THAT(refusal(""), HasSubstr("has no host"));
  EXPECT_THAT(refusal("https://"), HasSubstr("has no host"));
  EXPECT_THAT(refusal("*.127.0.0.1"), HasSubstr("has a wildcard over an address"));
  EXPECT_THAT(refusal("*.[::1]"), HasSubstr("has a wildcard over an address"));
  EXPECT_THAT(refusal("*.2130706433"), HasSubstr("has a wildcard over an address"));
  EXPECT_THAT(refusal("2001:db8::1"), HasSubstr("has an IPv6 address without brackets"));
  EXPECT_THAT(refusal("[fe80::1%eth0]"), HasSubstr("not an IPv6 address"));
  EXPECT_THAT(refusal("example.com:0"), HasSubstr("has a port that is not a number from 1 to 65535"));
  EXPECT_THAT(refusal("example.com:"), HasSubstr("has a port that is not a number from 1 to 65535"));
  EXPECT_THAT(refusal("foo.1"), HasSubstr("ends in a number but is not an IPv4 address"));
  EXPECT_THAT(refusal("a..example"), HasSubstr("has an empty label"));
  EXPECT_THAT(refusal(std::string(64, 'a') + ".example"), HasSubstr("has a label of over 63 characters"));
  EXPECT_THAT(refusal("exam ple.com"), HasSubstr("has a character that no host name has"));
  EXPECT_THAT(refusal("-a.example"), HasSubstr("begins with a hyphen"));
}

TEST(OriginPattern, PasswordAndQueryOfAPastedUrlAreNotShown) {
  EXPECT_EQ(refusal("https://me:hunter2@a.example"), "origin \"...@a.example\" has a user name in it");
  EXPECT_EQ(refusal("https://me:hunter2@a.example/b?key=hunter2@x"),
            "origin \"...@a.example/b?...\" has a user name in it");
  EXPECT_EQ(refusal("a.example?key=hunter2"), "origin \"a.example?...\" has a query in it");
  EXPECT_EQ(refusal("a.example#hunter2"), "origin \"a.example?...\" has a fragment in it");
}

TEST(OriginPattern, HostileTextIsShownEscapedAndCut) {
  EXPECT_THAT(refusal("a\n\x1b[2Jb\"\\"), HasSubstr(R"("a\x0a\x1b[2Jb\"\\" )"));
  const std::string message = refusal(std::string(10000, 'x'));
  EXPECT_LT(message.size(), 200U);
  EXPECT_THAT(message, HasSubstr(std::string(60, 'x') + "...\""));
  EXPECT_THAT(message, HasSubstr("host of over 253 characters"));
}

TEST(OriginPattern, MatchesSchemeHostAndPort) {
  EXPECT_TRUE(pattern("api.example.com").matches(origin("API.example.com.:443")));
  EXPECT_FALSE(pattern("api.example.com").matches(origin("api.example.com:8443")));
  EXPECT_FALSE(pattern("api.example.com").matches(origin("api.example.com:443", Scheme::http)));
  EXPECT_FALSE(pattern("api.example.com").matches(origin("x.api.example.com")));
  EXPECT_FALSE(pattern("api.example.com").matches(origin("xapi.example.com")));
  EXPECT_FALSE(pattern("api.example.com").matches(origin("api.example.com.evil.example")));
  EXPECT_TRUE(pattern("http://localhost:8080").matches(origin("localhost:8080", Scheme::http)));
  EXPECT_FALSE(pattern("http://localhost:8080").matches(origin("localhost:8080")));
  EXPECT_TRUE(pattern("127.0.0.1:8443").matches(origin("0x7f.1:8443")));
}

TEST(OriginPattern, WildcardStandsForOneLabelOrMore) {
  const auto wildcard = pattern("*.example.com");
  EXPECT_TRUE(wildcard.matches(origin("a.example.com")));
  EXPECT_TRUE(wildcard.matches(origin("a.b.example.com")));
  EXPECT_FALSE(wildcard.matches(origin("example.com")));
  EXPECT_FALSE(wildcard.matches(origin("evilexample.com")));
  EXPECT_FALSE(wildcard.matches(origin("a.example.com.evil.example")));
  EXPECT_FALSE(wildcard.matches(origin("a.example.com:8443")));
  EXPECT_TRUE(wildcard.matches_host("a.example.com"));
  EXPECT_FALSE(wildcard.matches_host(".example.com"));
}

TEST(OriginPattern, CoversWhatItMatches) {
  EXPECT_TRUE(pattern("*.example.com").covers(pattern("a.example.com")));
  EXPECT_TRUE(pattern("*.example.com").covers(pattern("*.example.com")));
  EXPECT_TRUE(pattern("*.example.com").covers(pattern("*.a.example.com")));
  EXPECT_FALSE(pattern("*.example.com").covers(pattern("example.com")));
  EXPECT_FALSE(pattern("*.a.example.com").covers(pattern("*.example.com")));
  EXPECT_FALSE(pattern("*.example.com").covers(pattern("*.badexample.com")));
  EXPECT_TRUE(pattern("example.com").covers(pattern("example.com")));
  EXPECT_FALSE(pattern("example.com").covers(pattern("*.example.com")));
  EXPECT_FALSE(pattern("example.com").covers(pattern("example.com:8443")));
  EXPECT_FALSE(pattern("example.com").covers(pattern("http://example.com:443")));
}

TEST(Message, FieldNamesCompareWithoutCase) {
  EXPECT_TRUE(same_name("Authorization", "aUTHORIZATION"));
  EXPECT_TRUE(same_name("", ""));
  EXPECT_FALSE(same_name("Authorization", "Authorizatio"));
  EXPECT_FALSE(same_name("X-A", "X_A"));
  EXPECT_FALSE(same_name("@", "`"));  // differ in the bit that makes case
  EXPECT_FALSE(same_name("\xc4", "\xe4"));
}

}  // namespace
}  // namespace standin::proxy
