#include "proxy/upstream_proxy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/error.h"

namespace standin::proxy {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;
using testing::Not;

UpstreamProxy parsed(std::string_view url) { return UpstreamProxy::parse("HTTPS_PROXY", url); }

std::string refusal(std::string_view url) {
  try {
    return "accepted as " + parsed(url).endpoint.to_string();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::upstream_proxy);
    EXPECT_THAT(error.hint(), HasSubstr("http://HOST:PORT"));
    return error.what();
  }
}

bool goes_around(std::string_view list, std::string_view authority, Scheme scheme = Scheme::https) {
  return NoProxy(list).covers(Origin::from_authority(scheme, authority).value());
}

TEST(UpstreamProxy, ReadsUrlAndHostWithPort) {
  EXPECT_EQ(parsed("http://proxy.corp.example:3128").endpoint.to_string(), "http://proxy.corp.example:3128");
  EXPECT_EQ(parsed("HTTP://proxy.corp.example:3128/").endpoint.to_string(), "http://proxy.corp.example:3128");
  EXPECT_EQ(parsed("proxy.corp.example:3128").endpoint.to_string(), "http://proxy.corp.example:3128");
  EXPECT_EQ(parsed("http://[2001:db8::1]:3128").endpoint.to_string(), "http://[2001:db8::1]:3128");
  EXPECT_EQ(parsed("http://proxy").endpoint.port, 80);
  EXPECT_TRUE(parsed("http://proxy:3128").authorization.empty());
}

TEST(UpstreamProxy, UserAndPasswordBecomeBasic) {
  EXPECT_EQ(view(parsed("http://Aladdin:open%20sesame@proxy:3128").authorization),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  EXPECT_EQ(view(parsed("user:pass@proxy:3128").authorization), "Basic dXNlcjpwYXNz");
  EXPECT_EQ(view(parsed("http://user@proxy").authorization), "Basic dXNlcjo=");
  EXPECT_EQ(view(parsed("http://user:@proxy").authorization), "Basic dXNlcjo=");
  EXPECT_EQ(view(parsed("http://u:p%40%3a%2F%25:x@proxy").authorization), "Basic dTpwQDovJTp4");
  EXPECT_EQ(view(parsed("http://u:p@ss@proxy").authorization), "Basic dTpwQHNz");
  EXPECT_EQ(parsed("http://u:p@ss@proxy:1").endpoint.to_string(), "http://proxy:1");
}

TEST(UpstreamProxy, OtherSchemesAreRefusedByName) {
  EXPECT_EQ(refusal("https://proxy:3128"),
            "HTTPS_PROXY names a proxy of scheme https, which is not supported");
  EXPECT_EQ(refusal("SOCKS5h://u:p@proxy"),
            "HTTPS_PROXY names a proxy of scheme socks5h, which is not supported");
  EXPECT_EQ(refusal("ftp://proxy"), "HTTPS_PROXY names a proxy of an unknown scheme");
}

TEST(UpstreamProxy, UnreadableTextIsRefused) {
  for (const auto& url : {""s, "http://"s, "/"s, "http://u:p@"s, "http://proxy:0"s, "http://proxy:99999"s,
                          "http://proxy/path"s, "http://proxy?q"s, "http://pro xy"s, "http://proxy\r\nX: y"s,
                          "http://proxy\0:1"s, "http://*.proxy"s, "http://2001:db8::1"s, "http://proxy//"s})
    EXPECT_EQ(refusal(url), "HTTPS_PROXY is not the URL of a proxy") << url;
  for (const char* url :
       {"http://u:%@p", "http://u:%4@p", "http://u:%4g@p", "http://%zz:x@p", "http://u:x%@p"})
    EXPECT_THAT(refusal(url), HasSubstr("with a % that is not followed by two hex digits")) << url;
  EXPECT_EQ(refusal("http://" + std::string(1 << 20, 'a')), "HTTPS_PROXY is over 4096 characters");
}

TEST(UpstreamProxy, MessageNeverShowsUserOrPassword) {
  for (const char* url :
       {"http://aladdin:sesame@pro xy", "http://aladdin:se/sesame@", "http://aladdin:sesame/@x:99999",
        "https://aladdin:sesame@proxy", "aladdin:sesame://proxy", "http://aladdin:sesame%@proxy",
        "http://aladdin:sesame#proxy", "http://aladdin:sesame"})
    EXPECT_THAT(refusal(url), testing::AllOf(Not(HasSubstr("aladdin")), Not(HasSubstr("sesame")))) << url;
}

TEST(NoProxy, EmptyCoversNothing) {
  EXPECT_FALSE(goes_around("", "a.example"));
  EXPECT_FALSE(goes_around(" , ,,\t", "a.example"));
  EXPECT_FALSE(NoProxy().covers(Origin::from_authority(Scheme::https, "a.example").value()));
}

TEST(NoProxy, StarCoversEverything) {
  EXPECT_TRUE(goes_around("*", "a.example"));
  EXPECT_TRUE(goes_around("b.example, *", "[::1]:1"));
  EXPECT_FALSE(goes_around("a*", "a.example"));
}

TEST(NoProxy, NameCoversItselfAndItsSubdomains) {
  EXPECT_TRUE(goes_around("corp.example", "corp.example"));
  EXPECT_TRUE(goes_around("corp.example", "git.corp.example:8443"));
  EXPECT_TRUE(goes_around("CORP.Example.", "GIT.corp.example"));
  EXPECT_FALSE(goes_around("corp.example", "evilcorp.example"));
  EXPECT_FALSE(goes_around("corp.example", "corp.example.evil"));
  EXPECT_FALSE(goes_around("corp.example", "example"));
  EXPECT_TRUE(goes_around("bücher.example", "xn--bcher-kva.example"));
}

TEST(NoProxy, SuffixCoversSubdomainsOnly) {
  for (const char* list : {".corp.example", "*.corp.example"}) {
    EXPECT_TRUE(goes_around(list, "git.corp.example"));
    EXPECT_TRUE(goes_around(list, "a.b.corp.example"));
    EXPECT_FALSE(goes_around(list, "corp.example"));
    EXPECT_FALSE(goes_around(list, "evilcorp.example"));
  }
}

TEST(NoProxy, PortNarrows) {
  EXPECT_TRUE(goes_around("corp.example:8443", "git.corp.example:8443"));
  EXPECT_FALSE(goes_around("corp.example:8443", "corp.example"));
  EXPECT_TRUE(goes_around("corp.example:443", "corp.example"));
  EXPECT_TRUE(goes_around("corp.example:80", "corp.example", Scheme::http));
  EXPECT_TRUE(goes_around("10.0.0.1:8443", "10.0.0.1:8443"));
  EXPECT_FALSE(goes_around("10.0.0.1:8443", "10.0.0.1"));
  EXPECT_TRUE(goes_around("[2001:db8::1]:8443", "[2001:db8::1]:8443"));
  EXPECT_FALSE(goes_around("[2001:db8::1]:8443", "[2001:db8::1]"));
}

TEST(NoProxy, AddressesAndRangesCoverAddressesInEverySpelling) {
  EXPECT_TRUE(goes_around("10.0.0.0/8", "10.1.2.3"));
  EXPECT_TRUE(goes_around("10.9.9.9/8", "0x0a.1"));
  EXPECT_TRUE(goes_around("10.0.0.0/8", "[::ffff:10.1.2.3]"));
  EXPECT_FALSE(goes_around("10.0.0.0/8", "11.0.0.0"));
  EXPECT_FALSE(goes_around("10.0.0.0/8", "ten.example"));
  EXPECT_TRUE(goes_around("127.0.0.1", "127.1"));
  EXPECT_TRUE(goes_around("::1", "[::1]"));
  EXPECT_TRUE(goes_around("[::1]", "[::1]:8080"));
  EXPECT_TRUE(goes_around("fc00::/7", "[fd12::1]"));
  EXPECT_FALSE(goes_around("fc00::/7", "[fe00::1]"));
  EXPECT_FALSE(goes_around("1.2.3.4", "11.2.3.4"));
  EXPECT_FALSE(goes_around(".2.3.4", "1.2.3.4"));
}

TEST(NoProxy, CommasAndWhiteSpaceSeparate) {
  for (const char* list :
       {"a.example,b.example", "a.example b.example", "a.example,\n\tb.example, ", ",,b.example"})
    EXPECT_TRUE(goes_around(list, "b.example")) << list;
}

TEST(NoProxy, NonsenseIsIgnored) {
  EXPECT_FALSE(goes_around(
      "http://a.example,a.example/x,10.0.0.0/33,10.0.0.0/,a..example,[::1,*.,.,user@a.example", "a.example"));
  EXPECT_TRUE(goes_around("10.0.0.0/99,\x01\xff,a.example", "a.example"));
}

}  // namespace
}  // namespace standin::proxy
