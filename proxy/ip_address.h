#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace standin::proxy {

/// An IP address, IPv4 as its IPv4-mapped IPv6 form (RFC 4291 2.5.5.2), in network byte order: one
/// address has one value however it was written.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  /// Dotted decimal or RFC 4291 text, without brackets or zone. Nothing else.
  static std::optional<IpAddress> parse(std::string_view text);
  static IpAddress v4(std::uint32_t host_order);

  [[nodiscard]] bool is_v4() const noexcept;
  [[nodiscard]] bool is_loopback() const noexcept;  // 127.0.0.0/8 or ::1
  [[nodiscard]] std::string to_string() const;      // "192.0.2.1", "2001:db8::1"

  auto operator<=>(const IpAddress&) const = default;
};

/// A range of addresses, "10.0.0.0/8", "fc00::/7", or one address.
struct IpNetwork {
  IpAddress base;         // bits past the prefix are zero
  unsigned prefix = 128;  // counted in the 128 bits of IpAddress: "10.0.0.0/8" has 104

  /// CIDR text (RFC 4632, RFC 4291 2.3) or an address as IpAddress::parse reads it. Bits past the prefix are
  /// cleared, as everybody does.
  static std::optional<IpNetwork> parse(std::string_view text);

  [[nodiscard]] bool contains(const IpAddress& address) const noexcept;
  /// Every address of `other` is in this one.
  [[nodiscard]] bool contains(const IpNetwork& other) const noexcept;

  bool operator==(const IpNetwork&) const = default;
};

}  // namespace standin::proxy
