#include "proxy/ip_address.h"

#include <gtest/gtest.h>

namespace standin::proxy {
namespace {

using namespace std::string_literals;

std::string normalised(std::string_view text) {
  const auto address = IpAddress::parse(text);
  return address ? address->to_string() : "none";
}

TEST(IpAddress, HasOneSpellingForEveryAddress) {
  EXPECT_EQ(normalised("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(normalised("2001:DB8:0:0:0:0:0:1"), "2001:db8::1");
  EXPECT_EQ(normalised("0:0:0:0:0:0:0:1"), "::1");
  EXPECT_EQ(normalised("::ffff:192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(normalised("::ffff:c000:201"), "192.0.2.1");
  EXPECT_EQ(normalised("64:ff9b::192.0.2.1"), "64:ff9b::c000:201");
}

TEST(IpAddress, IPv4AndItsMappedFormAreOneValue) {
  EXPECT_EQ(IpAddress::parse("10.1.2.3"), IpAddress::parse("::ffff:10.1.2.3"));
  EXPECT_EQ(IpAddress::parse("10.1.2.3"), IpAddress::v4(0x0a010203));
  EXPECT_TRUE(IpAddress::v4(0x0a010203).is_v4());
  EXPECT_FALSE(IpAddress::parse("::10.1.2.3")->is_v4());
}

TEST(IpAddress, RefusesEverythingElse) {
  for (const auto& text : {""s,
                           " 1.2.3.4"s,
                           "1.2.3.4 "s,
                           "1.2.3"s,
                           "1.2.3.4.5"s,
                           "1.2.3.256"s,
                           "01.2.3.4"s,
                           "0x7f.0.0.1"s,
                           "2130706433"s,
                           "1.2.3.4\0"s,
                           "::1\0x"s,
                           "[::1]"s,
                           "::1%lo"s,
                           "fe80::1%25eth0"s,
                           ":::1"s,
                           "1::2::3"s,
                           "12345::"s,
                           "::g"s,
                           "1:2:3:4:5:6:7:8:9"s,
                           "1.2.3.4/8"s,
                           std::string(46, '1'),
                           std::string(5000, ':')})
    EXPECT_EQ(IpAddress::parse(text), std::nullopt) << text;
}

TEST(IpAddress, LoopbackIsTheWholeOf127AndOne) {
  for (const char* text : {"127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"})
    EXPECT_TRUE(IpAddress::parse(text)->is_loopback()) << text;
  for (const char* text : {"128.0.0.1", "126.255.255.255", "::", "::2", "1::1", "0.0.0.0", "::127.0.0.1"})
    EXPECT_FALSE(IpAddress::parse(text)->is_loopback()) << text;
}

IpNetwork network(std::string_view text) { return IpNetwork::parse(text).value(); }

bool contains(std::string_view range, std::string_view address) {
  return network(range).contains(IpAddress::parse(address).value());
}

TEST(IpNetwork, ContainsExactlyItsRange) {
  EXPECT_TRUE(contains("172.16.0.0/12", "172.16.0.0"));
  EXPECT_TRUE(contains("172.16.0.0/12", "172.31.255.255"));
  EXPECT_FALSE(contains("172.16.0.0/12", "172.15.255.255"));
  EXPECT_FALSE(contains("172.16.0.0/12", "172.32.0.0"));
  EXPECT_TRUE(contains("fe80::/10", "febf:ffff::1"));
  EXPECT_FALSE(contains("fe80::/10", "fec0::"));
  EXPECT_TRUE(contains("192.0.2.7", "192.0.2.7"));
  EXPECT_FALSE(contains("192.0.2.7", "192.0.2.6"));
  EXPECT_TRUE(contains("0.0.0.0/0", "255.1.2.3"));
  EXPECT_FALSE(contains("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(contains("::/0", "1.2.3.4"));
  EXPECT_TRUE(contains("::ffff:10.0.0.0/104", "10.1.2.3"));
}

TEST(IpNetwork, BitsPastThePrefixAreCleared) {
  EXPECT_EQ(network("10.1.2.3/8"), network("10.0.0.0/8"));
  EXPECT_EQ(network("2001:db8::ffff/33"), network("2001:db8::/33"));
  EXPECT_EQ(network("1.2.3.4/32"), network("1.2.3.4"));
}

TEST(IpNetwork, ContainsNarrowerNetworks) {
  EXPECT_TRUE(network("10.0.0.0/8").contains(network("10.1.0.0/16")));
  EXPECT_TRUE(network("10.0.0.0/8").contains(network("10.0.0.0/8")));
  EXPECT_FALSE(network("10.1.0.0/16").contains(network("10.0.0.0/8")));
  EXPECT_FALSE(network("10.0.0.0/8").contains(network("11.0.0.0/16")));
}

TEST(IpNetwork, RefusesEverythingElse) {
  for (const char* text : {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/+8", "10.0.0.0/-1",
                           "10.0.0.0/ 8", "10.0.0.0/8 ", "10.0.0.0/8/8", "10/8", "::/129", "[::]/8",
                           "10.0.0.0/255.0.0.0", "10.0.0.0/99999999999", "a.example/8", "10.0.0.0/0x8"})
    EXPECT_EQ(IpNetwork::parse(text), std::nullopt) << text;
}

}  // namespace
}  // namespace standin::proxy
