#include "broker/no_proxy.h"

#include <vector>

#include <gtest/gtest.h>

namespace standin::broker {
namespace {

/// Whether `entry` stays in NO_PROXY while `origin` is bound.
bool stays(std::string_view entry, std::string_view origin) {
  const std::vector<proxy::OriginPattern> bound = {proxy::OriginPattern::parse(origin)};
  const std::string merged = "," + merged_no_proxy(entry, bound) + ",";
  return merged.contains("," + std::string(entry) + ",");
}

std::string merged(std::string_view parent, std::vector<std::string_view> origins) {
  std::vector<proxy::OriginPattern> bound;
  for (const auto origin : origins) bound.push_back(proxy::OriginPattern::parse(origin));
  return merged_no_proxy(parent, bound);
}

TEST(NoProxyMerge, AddsTheLoopbackNames) {
  EXPECT_EQ(merged("", {"api.github.com"}), "localhost,127.0.0.1,::1,[::1]");
  EXPECT_EQ(merged("*", {}), "*,localhost,127.0.0.1,::1,[::1]");
  EXPECT_EQ(merged("LOCALHOST ::1", {}), "LOCALHOST,::1,127.0.0.1,[::1]");
}

TEST(NoProxyMerge, KeepsOrderAndSpellingAndDropsDoubles) {
  EXPECT_EQ(merged(" b.example,,A.example\t,b.example\n.c , ", {"api.github.com"}),
            "b.example,A.example,.c,localhost,127.0.0.1,::1,[::1]");
}

TEST(NoProxyMerge, DropsEveryEntryThatSomeClientReadsAsTheBoundHost) {
  for (const std::string_view entry : {"*",
                                       ".",
                                       "*.",
                                       "git.corp.example",
                                       "GIT.Corp.Example",
                                       "corp.example",
                                       ".corp.example",
                                       "*.corp.example",
                                       "*corp.example",
                                       "example",
                                       ".example",
                                       "rp.example",
                                       "git.corp.example:443",
                                       ".corp.example:443",
                                       "git.corp.example.",
                                       "g*.corp.example",
                                       "*t.corp.ex*e",
                                       "git.*",
                                       "git.corp.*",
                                       "*git*"}) {
    EXPECT_FALSE(stays(entry, "git.corp.example")) << entry;
  }
}

TEST(NoProxyMerge, KeepsEntriesThatNobodyReadsAsTheBoundHost) {
  for (const std::string_view entry :
       {"corp.example.com", "gitlab.corp.example", "x.git.corp.example", "git.corp.example:8443",
        "10.0.0.0/8", "192.168.1.1", "lab.*", "*.corp.example.org", ":443", "<local>",
        "http://git.corp.example/x", "fe80::/10"}) {
    EXPECT_TRUE(stays(entry, "git.corp.example")) << entry;
  }
}

TEST(NoProxyMerge, ReadsAWildcardOriginAsAllItsSubdomains) {
  for (const std::string_view entry : {"example.com", ".example.com", "a.example.com", "a.b.example.com",
                                       "com", "*.a.example.com", "ample.com", "api.*"}) {
    EXPECT_FALSE(stays(entry, "*.example.com")) << entry;
  }
  for (const std::string_view entry : {"example.org", "aexample.com", "example.com:8443", "<local>"}) {
    EXPECT_TRUE(stays(entry, "*.example.com")) << entry;
  }
}

TEST(NoProxyMerge, DropsTheLoopbackNameThatIsBound) {
  EXPECT_EQ(merged("", {"http://localhost:8080"}), "");
  EXPECT_EQ(merged("localhost:3000,localhost:8080", {"http://localhost:8080"}), "localhost:3000");
  EXPECT_EQ(merged("", {"http://127.0.0.1:8080"}), "");
  EXPECT_EQ(merged("", {"https://[::1]:8443"}), "");
}

TEST(NoProxyMerge, DropsRangesAroundABoundAddress) {
  for (const std::string_view entry : {"10.0.0.0/8", "10.1.2.3", "10.1.2.3:443", "10.", "10.1.*", "10.*", "*",
                                       "0.0.0.0/0", "::ffff:10.1.2.3", "[::ffff:10.1.2.3]", ".2.3"}) {
    EXPECT_FALSE(stays(entry, "10.1.2.3")) << entry;
  }
  for (const std::string_view entry :
       {"10.2.0.0/16", "10.1.2.4", "10.1.2.3:8443", "11.", "fc00::/7", "192.168.*"}) {
    EXPECT_TRUE(stays(entry, "10.1.2.3")) << entry;
  }
}

TEST(NoProxyMerge, KnowsOneIPv6AddressInItsSpellings) {
  for (const std::string_view entry :
       {"2001:db8::1", "2001:DB8:0::1", "[2001:db8::1]", "[2001:db8::1]:443", "2001:db8::/32", "::/0"}) {
    EXPECT_FALSE(stays(entry, "[2001:db8::1]")) << entry;
  }
  for (const std::string_view entry : {"2001:db8::2", "[2001:db8::1]:8443", "2001:db9::/32", "10.0.0.0/8"}) {
    EXPECT_TRUE(stays(entry, "[2001:db8::1]")) << entry;
  }
}

TEST(NoProxyMerge, DropsSimpleNamesWhereOneIsBound) {
  EXPECT_FALSE(stays("<local>", "https://gitlab"));
  EXPECT_FALSE(stays("gitlab", "https://gitlab"));
  EXPECT_FALSE(stays("lab", "https://gitlab"));
}

TEST(NoProxyMerge, SurvivesAnything) {
  for (const std::string_view text : {":", "::", "[", "]", "[]", "[:]", "*:*", "a:99999", "a:", "%", "/",
                                      "1.2.3.4/99", "**", "...", "a..b", "\x01\xff", "<local"}) {
    const std::string all = merged(text, {"api.github.com", "*.example.com", "10.0.0.1", "[2001:db8::1]"});
    EXPECT_FALSE(all.empty());
  }
}

}  // namespace
}  // namespace standin::broker
