#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <functional>

#include "vault/descriptor.h"

namespace standin::cli {

/// A process that connects sockets for the broker, where a run is inside of another run: there the outer
/// supervisor answers for every connect(), and has to look at whoever calls. Nobody may look into the broker,
/// which holds secrets; this process holds none. It sees addresses, never what is said over the sockets: they
/// are closed here as soon as they connect.
///
/// Ends with the broker, or when this object does.
class Dialler {
 public:
  Dialler() noexcept = default;
  /// Forks it, while there is one thread and no secret; `forget` as for WaitingChild::fork. Throws
  /// Error(environment).
  static Dialler fork(const std::function<void()>& forget);
  ~Dialler() { give_up(); }
  Dialler(Dialler&&) noexcept = default;
  Dialler& operator=(Dialler&&) = delete;
  Dialler(const Dialler&) = delete;
  Dialler& operator=(const Dialler&) = delete;

  [[nodiscard]] bool is_there() const noexcept { return channel_.is_open(); }
  /// connect(2) for `socket`, which does not block: its errno, 0 for success. One thread at a time.
  int connect(int socket, const sockaddr* address, socklen_t length) const noexcept;
  /// Ends it and waits for that. Idempotent.
  void give_up() noexcept;

 private:
  Dialler(pid_t pid, vault::Descriptor channel) noexcept : pid_(pid), channel_(std::move(channel)) {}

  pid_t pid_ = 0;
  vault::Descriptor channel_;
};

}  // namespace standin::cli
