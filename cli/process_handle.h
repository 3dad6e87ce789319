#pragma once

#include <signal.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "vault/descriptor.h"

namespace standin::cli {

/// A process held on to (pidfd): once it has ended, its number may name another, this does not. Its
/// descriptor is readable when it has ended. Not open where there is no such process, or the kernel has no
/// pidfds.
class ProcessHandle {
 public:
  // By syscall(): <sys/pidfd.h> of glibc 2.36 forgets extern "C", and can't be linked from C++.
  explicit ProcessHandle(pid_t pid) noexcept
      : descriptor_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}

  [[nodiscard]] bool is_open() const noexcept { return descriptor_.is_open(); }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_.get(); }
  void send(int signal) const noexcept {
    ::syscall(SYS_pidfd_send_signal, descriptor_.get(), signal, nullptr, 0);
  }

 private:
  vault::Descriptor descriptor_;  // the kernel makes it close-on-exec
};

}  // namespace standin::cli
