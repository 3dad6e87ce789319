#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "cli/trapped_connect.h"
#include "proxy/socket_address.h"
#include "vault/descriptor.h"

namespace standin::cli {

/// The thread that made a call, looked at from outside. What is read is of that thread only if the call still
/// waits afterwards. Errors are errno; EPERM and EACCES mean that the process is closed to us: it made itself
/// non-dumpable, or is another user's.
class Caller {
 public:
  explicit Caller(const TrappedConnect& call) : call_(call) {}

  /// connect()'s second argument, copied once, so that no thread of the caller can change it afterwards.
  /// EFAULT and EINVAL as connect() has them.
  [[nodiscard]] int read_address(proxy::SocketAddress& into) const noexcept;

  /// A duplicate of connect()'s socket: the same open file description, non-blocking flag, options and all.
  [[nodiscard]] int take_socket(vault::Descriptor& into) const noexcept;

  /// The socket as /proc tells of it, where duplicates can't be had.
  struct SocketFacts {
    std::string protocol;     // "TCP", "TCPv6", "UNIX-STREAM", …; empty: not a socket
    std::uint64_t inode = 0;  // tells one socket from another
    int flags = 0;            // open(2)'s: O_NONBLOCK, O_CLOEXEC
  };
  [[nodiscard]] int look_at_socket(SocketFacts& into) const;

 private:
  const TrappedConnect& call_;
};

}  // namespace standin::cli
