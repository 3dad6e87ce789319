#pragma once

#include <cstdint>
#include <optional>

#include "proxy/asio.h"
#include "proxy/redirection.h"

namespace standin::proxy {

/// Listens on a port of the kernel's choice of one loopback address.
class Listener {
 public:
  /// nullopt: this machine has no such address (::1 is often switched off). Throws Error(listen).
  static std::optional<Listener> open(const Executor& executor, const IpAddress& address);

  struct Accepted {
    int descriptor = -1;  // the caller's; close-on-exec, non-blocking
    int error = 0;        // errno where there is none; EAGAIN: wait()
    std::optional<Endpoint> peer;
  };
  [[nodiscard]] Accepted accept() noexcept;
  /// Until there may be one. False: it was closed.
  Task<bool> wait();
  void close() noexcept;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

 private:
  Listener(Socket socket, std::uint16_t port) : socket_(std::move(socket)), port_(port) {}

  // A stream descriptor rather than an acceptor: accept4() sets CLOEXEC in one step, Asio's accept does not.
  Socket socket_;
  std::uint16_t port_;
};

/// Closes so that the peer sees a reset.
void close_with_reset(int descriptor) noexcept;

}  // namespace standin::proxy
