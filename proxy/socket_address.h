#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "proxy/redirection.h"

namespace standin::proxy {

/// An endpoint as the socket calls take and give it.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;

  [[nodiscard]] sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
  [[nodiscard]] const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }

  /// The address must be an IPv4 one.
  static SocketAddress v4(const Endpoint& endpoint) noexcept {
    sockaddr_in raw{};
    raw.sin_family = AF_INET;
    raw.sin_port = htons(endpoint.port);
    std::copy_n(endpoint.address.bytes.begin() + 12, 4, reinterpret_cast<std::uint8_t*>(&raw.sin_addr));
    return of(raw);
  }
  /// An IPv4 one in its IPv4-mapped form.
  static SocketAddress v6(const Endpoint& endpoint) noexcept {
    sockaddr_in6 raw{};
    raw.sin6_family = AF_INET6;
    raw.sin6_port = htons(endpoint.port);
    std::ranges::copy(endpoint.address.bytes, raw.sin6_addr.s6_addr);
    return of(raw);
  }

  /// nullopt: it is neither of the two. Does not look at `length`.
  [[nodiscard]] std::optional<Endpoint> endpoint() const noexcept {
    if (storage.ss_family == AF_INET) {
      sockaddr_in raw{};
      std::memcpy(&raw, &storage, sizeof raw);
      return Endpoint{IpAddress::v4(ntohl(raw.sin_addr.s_addr)), ntohs(raw.sin_port)};
    }
    if (storage.ss_family != AF_INET6) return std::nullopt;
    sockaddr_in6 raw{};
    std::memcpy(&raw, &storage, sizeof raw);
    Endpoint endpoint{{}, ntohs(raw.sin6_port)};
    std::ranges::copy(raw.sin6_addr.s6_addr, endpoint.address.bytes.begin());
    return endpoint;
  }

 private:
  template <class Raw>
  static SocketAddress of(const Raw& raw) noexcept {
    SocketAddress address;
    std::memcpy(&address.storage, &raw, sizeof raw);
    address.length = sizeof raw;
    return address;
  }
};

}  // namespace standin::proxy
