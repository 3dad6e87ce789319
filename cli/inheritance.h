#pragma once

#include <signal.h>

#include <vector>

namespace standin::cli {

/// What standin was started with and the child is to find again: signals as they were, descriptors as they
/// were. Everything else (umask, limits, niceness, terminal, process group) is never changed in the process
/// that becomes the child, so there is nothing to remember.
class Inheritance {
 public:
  /// To be called first, before anything opens a descriptor: whatever is open now was passed on by the
  /// parent. Where 0, 1 or 2 is closed, puts a placeholder there that neither reads nor writes (EBADF, as
  /// before) and closes on exec: no socket of standin lands on such a number, and the child finds it closed.
  /// Throws Error(environment).
  static Inheritance take();

  /// The signal mask of the start.
  void restore_mask() const noexcept;
  /// The mask and the dispositions of the start. The last thing before exec: a signal that came meanwhile is
  /// delivered by it.
  void restore_signals() const noexcept;

  /// Gives up this process's copies of stdin, stdout and all that was passed on. While standin holds them, a
  /// peer of the child would never see the end of a pipe that the child has closed. stderr stays, for
  /// messages.
  void give_up_descriptors() const noexcept;

 private:
  sigset_t mask_{};
  struct sigaction on_child_end_ {};
  struct sigaction on_broken_pipe_ {};
  std::vector<int> passed_on_;  // 3 and above
};

}  // namespace standin::cli
