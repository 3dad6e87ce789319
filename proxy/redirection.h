#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <optional>

#include "proxy/ip_address.h"

namespace standin::proxy {

struct SocketAddress;

/// An IP address and a TCP port.
struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  auto operator<=>(const Endpoint&) const = default;
};

/// The proxy's other door: for connections whose destination is known before they arrive, because whoever
/// asked the kernel for them (kernel capture) had them connected here instead. No password is asked: a
/// connection that is not expected is reset.
///
/// Entries are one-shot, live `kept` at most, and there are `capacity` of them at most: those that never
/// arrive (the caller closed its socket, the backlog was full) must not add up.
///
/// Thread-safe. The ports are those of the proxy's listeners, on 127.0.0.1 and ::1.
class Redirection {
 public:
  static constexpr std::size_t default_capacity = 16384;
  static constexpr std::chrono::seconds default_kept{30};

  /// `port_v6` is 0 where the machine has no ::1.
  Redirection(std::uint16_t port_v4, std::uint16_t port_v6, std::size_t capacity = default_capacity,
              std::chrono::seconds kept = default_kept);

  /// connect(2) for `socket` (TCP, AF_INET or AF_INET6, blocking or not) to the listener that it can reach,
  /// noting that `wanted` is where it was meant to go. Returns connect's errno, 0 for success; EADDRNOTAVAIL
  /// where too many are expected already, EAFNOSUPPORT where such a socket can't go to `wanted` at all. What
  /// is under way when it returns (EINPROGRESS, EINTR) is expected as well.
  ///
  /// The lock is held from before connect() until the entry is in: the accept may come earlier than that, its
  /// take() can not. So a blocking socket should come with a short SO_SNDTIMEO: where the backlog is full,
  /// the proxy waits as long as this does. A socket that was connecting or connected already (a client asks
  /// again to learn how it went) gets the kernel's answer and no second entry.
  int connect(int socket, const Endpoint& wanted);

  /// Neither connecting, connected nor listening, or not any more: connect() would begin something. Where the
  /// kernel does not say, it might, and is to be judged.
  [[nodiscard]] static bool is_unused(int tcp_socket) noexcept;

  /// Where the connection from `peer`, as accept(2) names it, was meant to go. nullopt: nobody expected it.
  std::optional<Endpoint> take(const Endpoint& peer);

 private:
  struct Expected {
    Endpoint peer;  // the caller's local address and port: two sockets bound to different addresses share one
    Endpoint wanted;
    std::chrono::steady_clock::time_point until;
  };

  [[nodiscard]] std::optional<SocketAddress> door_for(int family, const IpAddress& wanted) const;
  void expect(const Endpoint& peer, const Endpoint& wanted);
  void forget_expired();

  const std::uint16_t port_v4_;
  const std::uint16_t port_v6_;
  const std::size_t capacity_;
  const std::chrono::seconds kept_;
  std::mutex mutex_;
  std::list<Expected> by_age_;  // all live equally long: the first expires first
  std::map<Endpoint, std::list<Expected>::iterator> expected_;
};

}  // namespace standin::proxy
