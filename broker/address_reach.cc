#include "broker/address_reach.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

namespace standin::broker {
namespace {

using proxy::IpAddress;
using proxy::IpNetwork;

using Networks = std::span<const IpNetwork>;

template <class... Text>
std::vector<IpNetwork> networks(Text... text) {
  return {IpNetwork::parse(text).value()...};  // NOLINT(bugprone-unchecked-optional-access): constants
}

/// What a server hands to whoever asks it from inside: the credentials of the machine itself.
Networks link_local_and_metadata() {
  static const auto list = networks("169.254.0.0/16", "fe80::/10",  // link-local: AWS, GCP, Azure, ECS, ...
                                    "fd00:ec2::/32",                // AWS, over IPv6
                                    "fd20:ce::254",                 // GCP, over IPv6
                                    "100.100.100.200",              // Alibaba
                                    "168.63.129.16",                // Azure's wire server
                                    "192.0.0.192");                 // Oracle, before 169.254
  return list;
}

/// Not the internet. 198.18.0.0/15 is missing on purpose: local proxies with made-up addresses ("fake IP")
/// resolve every public name into it.
Networks private_ranges() {
  static const auto list = networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",  // RFC 1918
                                    "100.64.0.0/10",                                  // CGN, RFC 6598
                                    "192.0.0.0/24",                                   // IETF, RFC 6890
                                    "224.0.0.0/4", "240.0.0.0/4",  // multicast; reserved and broadcast
                                    "fc00::/7", "fec0::/10", "ff00::/8");
  return list;
}

/// "This host" (RFC 1122 3.2.1.3, RFC 4291 2.5.2): connect() takes it to the loopback.
Networks this_host() {
  static const auto list = networks("0.0.0.0/8", "::");
  return list;
}

bool is_in(Networks list, const IpAddress& address) noexcept {
  return std::ranges::any_of(list, [&](const IpNetwork& network) { return network.contains(address); });
}

bool is_our_loopback(const IpAddress& address) noexcept {
  return address.is_loopback() || is_in(this_host(), address);
}

struct Embedding {
  IpNetwork network;
  std::size_t at;     // of the IPv4 address's first byte
  std::uint8_t flip;  // Teredo obscures it, RFC 4380 4
};

const std::array<Embedding, 5>& embeddings() {
  const auto of = [](const char* text) { return IpNetwork::parse(text).value(); };
  static const std::array<Embedding, 5> list = {{
      {of("2002::/16"), 2, 0},        // 6to4, RFC 3056
      {of("64:ff9b::/96"), 12, 0},    // NAT64, RFC 6052
      {of("64:ff9b:1::/48"), 12, 0},  // NAT64 for local use, RFC 8215: its usual cut
      {of("2001::/32"), 12, 0xff},    // Teredo, RFC 4380
      {of("::/96"), 12, 0},           // IPv4-compatible, RFC 4291 2.5.5.1
  }};
  return list;
}

}  // namespace

std::optional<IpAddress> embedded_v4(const IpAddress& address) {
  if (is_our_loopback(address)) return std::nullopt;  // ::1 and :: are in ::/96
  for (const auto& [network, at, flip] : embeddings()) {
    if (!network.contains(address)) continue;
    std::uint32_t v4 = 0;
    for (std::size_t i = 0; i < 4; ++i)
      v4 = v4 << 8 | static_cast<std::uint8_t>(address.bytes[at + i] ^ flip);
    return IpAddress::v4(v4);
  }
  return std::nullopt;
}

Reach reach_of(const IpAddress& address) {
  if (is_in(link_local_and_metadata(), address)) return Reach::never;
  if (is_our_loopback(address)) return Reach::loopback;
  if (is_in(private_ranges(), address)) return Reach::private_range;
  if (const auto inner = embedded_v4(address)) {
    const Reach reach = reach_of(*inner);
    return reach == Reach::loopback ? Reach::private_range : reach;
  }
  return Reach::internet;
}

bool is_never_allowed(const IpNetwork& network) {
  const Networks list = link_local_and_metadata();
  return std::ranges::any_of(list, [&](const IpNetwork& never) { return never.contains(network); });
}

}  // namespace standin::broker
