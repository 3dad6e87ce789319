#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "cli/caller.h"
#include "cli/trapped_connect.h"
#include "proxy/redirection.h"
#include "vault/descriptor.h"

namespace standin::cli {

/// One connect() under way: what the child asked for, copied, so that it can't change any more.
struct ConnectAttempt {
  TrappedConnect call;
  vault::Descriptor socket;             // a duplicate of the child's, or what will replace it
  proxy::SocketAddress address;         // as the child gave it
  std::optional<proxy::Endpoint> door;  // where it was meant to go, if it is led to the proxy instead
  std::optional<int> replaces;          // open(2)'s flags of the child's socket, if `socket` is to replace it
  bool waits = false;                   // the child's own socket is a blocking one
};

/// Attempts that the network has not answered yet, by their socket; their threads wait in the kernel
/// meanwhile.
class ParkedConnects {
 public:
  using Clock = std::chrono::steady_clock;

  /// `epoll` is told to report each socket when it is writable, once; it must outlive this.
  explicit ParkedConnects(int epoll) noexcept : epoll_(epoll) {}

  void park(ConnectAttempt attempt);
  /// The one whose socket this is. nullopt: it is not parked (any more).
  std::optional<ConnectAttempt> take(int socket);
  /// One that the child's own SO_SNDTIMEO lets wait no longer.
  std::optional<ConnectAttempt> take_impatient(Clock::time_point now);
  /// Forgets those whose caller has gone: their sockets would be connected for nobody. Looks once a second.
  void forget_gone(const TrappedConnects& calls, Clock::time_point now);

  [[nodiscard]] bool empty() const noexcept { return parked_.empty(); }
  /// When to look again at the latest.
  [[nodiscard]] Clock::time_point next_look(Clock::time_point now) const noexcept;

 private:
  struct Parked {
    ConnectAttempt attempt;
    Clock::time_point until;
  };
  void unwatch(int socket) const noexcept;

  int epoll_;
  std::map<int, Parked> parked_;
  Clock::time_point next_look_for_gone_{};
};

/// Answers that found nobody waiting, by socket. Before Linux 5.19 a signal interrupts the waiting thread,
/// which then makes the same call again, or was told EINTR and asks again later: it is to learn how it went,
/// not that it is connected already.
class LostAnswers {
 public:
  void keep(std::uint64_t cookie, int error);
  std::optional<int> take(std::uint64_t cookie);

 private:
  static constexpr std::size_t most = 256;
  std::deque<std::pair<std::uint64_t, int>> kept_;
};

}  // namespace standin::cli
