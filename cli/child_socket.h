#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "proxy/socket_address.h"

namespace standin::cli {

/// What a duplicate of the child's socket is: what counts, not what the address given with it claims.
struct SocketKind {
  int domain = 0;    // AF_*
  int type = 0;      // SOCK_*
  int protocol = 0;  // IPPROTO_*

  /// nullopt: not a socket.
  static std::optional<SocketKind> of(int socket) noexcept;

  [[nodiscard]] bool is_internet() const noexcept;
  [[nodiscard]] bool is_tcp() const noexcept;
  [[nodiscard]] bool is_datagram() const noexcept;
};

/// Where `address` leads, as connect() of an internet socket reads it (tcp(7), ipv6(7)); the unspecified
/// address is this machine. nullopt: nowhere, and the kernel's own answer is the right one (AF_UNSPEC, too
/// short, another family).
[[nodiscard]] std::optional<proxy::Endpoint> destination_of(const proxy::SocketAddress& address) noexcept;

/// Tells one socket from another as long as the machine runs (SO_COOKIE).
[[nodiscard]] std::uint64_t cookie_of(int socket) noexcept;

/// ... among those that are open (fstat).
[[nodiscard]] std::uint64_t inode_of(int socket) noexcept;

/// Why a socket can't be led to our loopback listener; null where it can.
[[nodiscard]] const char* tie_elsewhere(int socket) noexcept;

/// errno of a connect that must not wait: what is under way then is EINPROGRESS (or EALREADY).
///
/// The flag for that, O_NONBLOCK, belongs to the open file description and so to the child too, which would
/// see it change; a send time-out is the socket's alone. The kernel rounds it up to a tick, a few
/// milliseconds at most, and only a peer that is not on this machine makes it wait for that.
[[nodiscard]] int connect_without_waiting(int socket, const std::function<int()>& connect) noexcept;

[[nodiscard]] bool is_blocking(int socket) noexcept;

/// How long the child itself lets connect() wait (SO_SNDTIMEO), in microseconds; 0: as long as it takes.
[[nodiscard]] std::int64_t patience_of(int socket) noexcept;

/// Whether the kernel knows a way to `endpoint` at all: a datagram socket's connect() says so, and sends
/// nothing. 0 or errno.
[[nodiscard]] int route_to(const proxy::Endpoint& endpoint) noexcept;

}  // namespace standin::cli
