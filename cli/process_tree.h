#pragma once

#include <signal.h>

#include <chrono>
#include <cstddef>
#include <functional>

namespace standin::cli {

/// How long a process has between SIGTERM and SIGKILL.
inline constexpr std::chrono::milliseconds ending_grace{1000};

struct EndedTree {
  std::size_t told = 0;       // processes that were sent SIGTERM
  std::size_t surviving = 0;  // that can't be ended: another user's (setuid), or stuck in the kernel
};

/// Ends every process below this one, and waits for all of them: SIGTERM (and SIGCONT, a stopped process
/// takes none otherwise), `ending_grace`, then SIGKILL as long as there are any. Returns at once where there
/// is none. `on_end` is told of each child that was waited for.
///
/// This process must be a child subreaper and have SIGCHLD blocked: a daemon that has forked itself away from
/// its parents is then a child of this one, and so nothing below can escape.
EndedTree end_descendants(const std::function<void(const siginfo_t&)>& on_end);

}  // namespace standin::cli
