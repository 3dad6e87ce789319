#include "broker/egress.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace standin::broker {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::array modes = {EgressMode::guarded, EgressMode::locked, EgressMode::open};

proxy::Origin origin(std::string_view authority) {
  return proxy::Origin::from_authority(proxy::Scheme::https, authority).value();
}

Egress egress(EgressMode mode, const std::vector<std::string>& allowed = {},
              const std::vector<std::string>& bound = {}) {
  std::vector<proxy::OriginPattern> patterns;
  for (const auto& text : bound) patterns.push_back(proxy::OriginPattern::parse(text));
  return Egress(mode, patterns, allowed);
}

std::string text_of(const std::optional<proxy::Refusal>& refusal) {
  if (!refusal) return "passes";
  EXPECT_EQ(refusal->status, 403U);
  EXPECT_EQ(refusal->code, "egress_denied");
  EXPECT_FALSE(refusal->hint.empty());
  return refusal->message;
}

/// What becomes of a connection to `name` that resolved to `address`, both questions asked.
std::string connect(const Egress& egress, std::string_view name, std::string_view address) {
  const auto where = origin(name);
  if (const auto refusal = egress.check_origin(where)) return text_of(refusal);
  return text_of(egress.check_address(where, proxy::IpAddress::parse(address).value()));
}

std::string refusal_of_allowed(const std::string& text) {
  try {
    egress(EgressMode::guarded, {text});
    return "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::bad_network);
    return error.what();
  }
}

// Every spelling of one address: as itself, and in each address that is taken to it.
constexpr std::array never_addresses = {
    "169.254.169.254",
    "169.254.0.0",
    "169.254.255.255",
    "169.254.170.2",
    "fe80::1",
    "febf:ffff::1",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "::ffff:169.254.169.254",      // mapped
    "::169.254.169.254",           // compatible
    "2002:a9fe:a9fe::1",           // 6to4
    "64:ff9b::169.254.169.254",    // NAT64
    "64:ff9b:1::169.254.169.254",  // NAT64, local use
    "64:ff9b:1:2:3:4:a9fe:a9fe",
    "2001:0:1:2:3:4:5601:5601",  // Teredo, inverted
    "2002:a83f:8110::",          // 168.63.129.16 in 6to4
    "64:ff9b::100.100.100.200",
};

constexpr std::array private_addresses = {
    "10.0.0.0",
    "10.255.255.255",
    "172.16.0.0",
    "172.31.255.255",
    "192.168.0.0",
    "192.168.255.255",
    "100.64.0.0",
    "100.127.255.255",
    "192.0.0.1",
    "fc00::1",
    "fd12:3456::1",
    "fdff:ffff::1",
    "fec0::1",
    "ff02::1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::ffff:10.0.0.5",
    "::10.0.0.5",
    "2002:a00:5::",
    "2002:c0a8:1::1",
    "64:ff9b::10.0.0.5",
    "64:ff9b:1::10.0.0.5",
    "2001:0:1:2:3:4:f5ff:fffa",
    "64:ff9b::127.0.0.1",
    "2002:7f00:1::",
    "2001:0::80ff:fffe",
    "::127.0.0.1",  // a translator's own loopback
    "64:ff9b::0.0.0.0",
    "2002::1",
};

constexpr std::array loopback_addresses = {"127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1",
                                           "0.0.0.0",   "0.255.255.255",   "::",  "::ffff:0.0.0.0"};

constexpr std::array public_addresses = {"8.8.8.8",
                                         "1.0.0.0",
                                         "9.255.255.255",
                                         "11.0.0.0",
                                         "172.15.255.255",
                                         "172.32.0.0",
                                         "192.167.255.255",
                                         "192.169.0.0",
                                         "100.63.255.255",
                                         "100.128.0.0",
                                         "169.253.255.255",
                                         "169.255.0.0",
                                         "168.63.129.15",
                                         "192.0.1.0",
                                         "192.0.2.1",
                                         "223.255.255.255",
                                         "128.0.0.1",
                                         "198.18.0.1",
                                         "2606:4700::1111",
                                         "2001:4860:4860::8888",
                                         "::ffff:8.8.8.8",
                                         "64:ff9b::8.8.8.8",
                                         "64:ff9b:1::8.8.8.8",
                                         "2002:808:808::1",
                                         "2001:0:1:2:3:4:f7f7:f7f7",
                                         "::8.8.8.8",
                                         "fbff::1",
                                         "fe7f::1",
                                         "2003::1",
                                         "64:ff9b:2::10.0.0.5"};

TEST(Egress, LinkLocalAndMetadataAreRefusedInEveryMode) {
  for (const auto mode : modes)
    for (const char* address : never_addresses)
      EXPECT_THAT(connect(egress(mode, {"::/0", "0.0.0.0/0"}), "evil.example", address),
                  HasSubstr("is link-local or cloud metadata"))
          << address;
}

TEST(Egress, LinkLocalAndMetadataAreRefusedThoughBoundOrAllowed) {
  for (const auto mode : modes) {
    const auto open_wide =
        egress(mode, {"git.corp.example", "0.0.0.0/0", "::/0"}, {"git.corp.example", "169.254.169.254"});
    EXPECT_EQ(connect(open_wide, "git.corp.example", "169.254.169.254"),
              "address 169.254.169.254 of \"git.corp.example\" is link-local or cloud metadata");
    EXPECT_EQ(connect(open_wide, "git.corp.example", "8.8.8.8"), "passes");
    EXPECT_EQ(text_of(open_wide.check_origin(origin("169.254.169.254"))),
              "address 169.254.169.254 is link-local or cloud metadata");
  }
}

TEST(Egress, MetadataNamesAreRefusedBeforeTheyAreResolved) {
  for (const auto mode : modes)
    for (const char* name :
         {"metadata.google.internal", "METADATA.google.internal.", "metadata", "metadata.goog",
          "instance-data", "instance-data.ec2.internal", "metadata.tencentyun.com:8080"})
      EXPECT_THAT(text_of(egress(mode, {"*.google.internal"}, {name}).check_origin(origin(name))),
                  HasSubstr("is link-local or cloud metadata"))
          << name;
  EXPECT_EQ(connect(egress(EgressMode::guarded), "metadata.example.com", "8.8.8.8"), "passes");
}

TEST(Egress, MetadataHintSaysThatNoFlagHelps) {
  const auto refusal = egress(EgressMode::open).check_origin(origin("169.254.169.254"));
  ASSERT_TRUE(refusal);
  EXPECT_THAT(refusal->hint, AllOf(HasSubstr("no mode or flag allows it"), Not(HasSubstr("--allow-net"))));
}

TEST(Egress, GuardedRefusesPrivateAddresses) {
  for (const char* address : private_addresses)
    EXPECT_THAT(connect(egress(EgressMode::guarded), "evil.example", address), HasSubstr("is private"))
        << address;
}

TEST(Egress, GuardedNamesAddressHostAndFlag) {
  const auto refusal =
      egress(EgressMode::guarded).check_address(origin("intranet.corp"), proxy::IpAddress::v4(0x0a000005));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->message, "address 10.0.0.5 of \"intranet.corp\" is private");
  EXPECT_EQ(refusal->hint, "allow it with '--allow-net 10.0.0.5'");
}

TEST(Egress, OpenReachesPrivateAddresses) {
  for (const char* address : private_addresses)
    EXPECT_EQ(connect(egress(EgressMode::open), "a.example", address), "passes") << address;
}

TEST(Egress, PublicAddressesPassUnlessLocked) {
  for (const char* address : public_addresses) {
    EXPECT_EQ(connect(egress(EgressMode::guarded), "a.example", address), "passes") << address;
    EXPECT_EQ(connect(egress(EgressMode::open), "a.example", address), "passes") << address;
    EXPECT_THAT(text_of(egress(EgressMode::locked)
                            .check_address(origin("a.example"), proxy::IpAddress::parse(address).value())),
                HasSubstr("egress is locked"))
        << address;
  }
}

TEST(Egress, LoopbackPassesInEveryMode) {
  for (const auto mode : modes)
    for (const char* address : loopback_addresses)
      EXPECT_EQ(connect(egress(mode), "localhost", address), "passes") << address;
}

TEST(Egress, AddressInTheOriginIsJudgedInEverySpelling) {
  const auto guarded = egress(EgressMode::guarded);
  for (const char* text :
       {"10.0.0.5", "10.5", "0x0a000005", "167772165", "012.0.0.5", "[::ffff:10.0.0.5]", "[::ffff:a00:5]",
        "[64:ff9b::a00:5]", "[2002:a00:5::]", "10.0.0.5:8080", "１０.0.0.5"})
    EXPECT_THAT(text_of(guarded.check_origin(origin(text))), HasSubstr("is private")) << text;
  for (const char* text :
       {"2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "[::ffff:a9fe:a9fe]"})
    EXPECT_THAT(text_of(guarded.check_origin(origin(text))), HasSubstr("link-local or cloud metadata"))
        << text;
  for (const char* text : {"127.1", "0", "2130706433", "[::1]", "[::]"})
    EXPECT_EQ(text_of(guarded.check_origin(origin(text))), "passes") << text;
}

TEST(Egress, LockedRefusesNamesBeforeTheyAreResolved) {
  const auto locked = egress(EgressMode::locked, {"mirror.example"}, {"api.github.com", "*.corp.example"});
  EXPECT_EQ(text_of(locked.check_origin(origin("evil.example"))),
            "host \"evil.example\" is not of this run's credentials, and egress is locked");
  EXPECT_EQ(locked.check_origin(origin("evil.example"))->hint, "allow it with '--allow-net evil.example'");
  for (const char* name : {"api.github.com", "git.corp.example", "mirror.example", "mirror.example:8080",
                           "localhost", "a.localhost:3000", "127.0.0.1:5432", "[::1]"})
    EXPECT_EQ(text_of(locked.check_origin(origin(name))), "passes") << name;
  for (const char* name : {"github.com", "api.github.com:8443", "corp.example", "x.mirror.example",
                           "localhost.evil.example", "notlocalhost", "8.8.8.8", "10.0.0.1"})
    EXPECT_NE(text_of(locked.check_origin(origin(name))), "passes") << name;
}

TEST(Egress, LockedReachesWhatIsBoundAtAnyAddressAndNothingElse) {
  const auto locked = egress(EgressMode::locked, {"10.0.0.0/8"}, {"api.github.com"});
  EXPECT_EQ(connect(locked, "api.github.com", "140.82.112.5"), "passes");
  EXPECT_EQ(connect(locked, "api.github.com", "192.168.1.1"), "passes");
  EXPECT_EQ(connect(locked, "intranet.corp", "10.1.2.3"), "passes");
  EXPECT_THAT(connect(locked, "intranet.corp", "11.1.2.3"), HasSubstr("egress is locked"));
  EXPECT_THAT(connect(locked, "localhost", "8.8.8.8"), HasSubstr("egress is locked"));
}

TEST(Egress, BoundOriginMayBePrivateButOnlyAtItsPort) {
  const auto guarded = egress(EgressMode::guarded, {}, {"gitlab.corp", "*.corp.example:8443", "10.0.0.7"});
  EXPECT_EQ(connect(guarded, "gitlab.corp", "10.0.0.5"), "passes");
  EXPECT_EQ(connect(guarded, "a.corp.example:8443", "fd12::1"), "passes");
  EXPECT_EQ(text_of(guarded.check_origin(origin("10.0.0.7"))), "passes");
  EXPECT_THAT(connect(guarded, "gitlab.corp:8443", "10.0.0.5"), HasSubstr("is private"));
  EXPECT_THAT(connect(guarded, "a.corp.example", "10.0.0.5"), HasSubstr("is private"));
  EXPECT_THAT(text_of(guarded.check_origin(origin("10.0.0.7:22"))), HasSubstr("is private"));
}

TEST(Egress, AllowedRangesHoldAddressesHoweverTheyAreReached) {
  const auto guarded = egress(EgressMode::guarded, {"10.0.0.0/8", "fd12::/16", "192.168.1.7", "0x0a"});
  for (const char* address :
       {"10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "2002:a01:203::", "fd12:1::1", "192.168.1.7"})
    EXPECT_EQ(connect(guarded, "a.corp", address), "passes") << address;
  for (const char* address : {"172.16.0.1", "fd13::1", "192.168.1.8", "64:ff9b::192.168.1.8"})
    EXPECT_THAT(connect(guarded, "a.corp", address), HasSubstr("is private")) << address;
}

TEST(Egress, AllowedHostsMayBePrivateAtAnyPort) {
  const auto guarded = egress(EgressMode::guarded, {"Intranet.Corp.", "*.corp.example", "bücher.example"});
  EXPECT_EQ(connect(guarded, "intranet.corp:8080", "10.0.0.5"), "passes");
  EXPECT_EQ(connect(guarded, "a.b.corp.example", "10.0.0.5"), "passes");
  EXPECT_EQ(connect(guarded, "xn--bcher-kva.example", "10.0.0.5"), "passes");
  EXPECT_THAT(connect(guarded, "corp.example", "10.0.0.5"), HasSubstr("is private"));
  EXPECT_THAT(connect(guarded, "x.intranet.corp", "10.0.0.5"), HasSubstr("is private"));
}

TEST(Egress, AllowNetTakesAddressesInEverySpelling) {
  for (const char* text :
       {"10.0.0.5", "10.0.0.0/8", "10.9.9.9/8", "::1", "[fd12::1]", "fd12::/16", "0x0a000005",
        "::ffff:10.0.0.0/104", "0.0.0.0/0", "169.0.0.0/8", "intranet", "a_b.example"})
    EXPECT_EQ(refusal_of_allowed(text), "accepted") << text;
}

TEST(Egress, AllowNetRefusesWhatItCannotMean) {
  for (const char* text : {"", "/8", "10.0.0.0/33", "10.0.0.0/", "a.example/8", "a.example:80", "10.0.0.5:80",
                           "*", "*.com", "*.*.example", "http://a.example", "user@a.example", "a b", "a..b",
                           "1.2.3.4.5", "[::1]:443", "10.0.0.1-10.0.0.9", "a\x1b[2J"})
    EXPECT_THAT(refusal_of_allowed(text),
                AllOf(HasSubstr("--allow-net \""), HasSubstr(" is not a"), Not(HasSubstr("\x1b"))))
        << text;
}

TEST(Egress, AllowNetOfMetadataAloneIsAnError) {
  for (const char* text :
       {"169.254.169.254", "169.254.0.0/16", "169.254.169.0/24", "fe80::/64", "fd00:ec2::254", "0xa9fea9fe",
        "100.100.100.200/32", "metadata.google.internal", "Metadata"})
    EXPECT_THAT(refusal_of_allowed(text), HasSubstr("which no flag allows")) << text;
}

TEST(ParseEgressMode, KnowsThreeModes) {
  EXPECT_EQ(parse_egress_mode("guarded"), EgressMode::guarded);
  EXPECT_EQ(parse_egress_mode("locked"), EgressMode::locked);
  EXPECT_EQ(parse_egress_mode("open"), EgressMode::open);
  for (const char* text : {"", "Open", "none", "open "}) EXPECT_THROW(parse_egress_mode(text), Error) << text;
}

}  // namespace
}  // namespace standin::broker
