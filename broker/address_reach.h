#pragma once

#include <cstdint>
#include <optional>

#include "proxy/ip_address.h"

namespace standin::broker {

/// Where an address leads.
enum class Reach : std::uint8_t {
  internet,
  loopback,
  private_range,  // an internal network, or no host at all (multicast, reserved)
  never,          // link-local and cloud metadata
};

/// Judges an IPv4 address in a mapped, compatible, 6to4, NAT64 or Teredo address as that address, except that
/// a loopback inside is a translator's own and not ours: it counts as private.
[[nodiscard]] Reach reach_of(const proxy::IpAddress& address);

/// The IPv4 address that a translator or a tunnel would take `address` to.
[[nodiscard]] std::optional<proxy::IpAddress> embedded_v4(const proxy::IpAddress& address);

/// Every address of `network` is link-local or metadata, so that allowing it can only be a mistake.
[[nodiscard]] bool is_never_allowed(const proxy::IpNetwork& network);

}  // namespace standin::broker
