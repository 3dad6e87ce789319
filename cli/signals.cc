#include "cli/signals.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace standin::cli {
namespace {

// Faults are our own, and abort() must end us; the rest can't be caught.
constexpr std::array never_held{SIGABRT, SIGBUS,  SIGFPE, SIGILL,  SIGKILL,
                                SIGSEGV, SIGSTOP, SIGSYS, SIGTRAP, SIGPIPE};

constexpr std::array sent_by_terminals{SIGINT, SIGQUIT, SIGHUP, SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU, SIGWINCH};

}  // namespace

const sigset_t& held_signals() noexcept {
  static const sigset_t set = [] {
    sigset_t all;
    sigfillset(&all);
    for (const int signal : never_held) sigdelset(&all, signal);
    return all;
  }();
  return set;
}

void hold_signals() noexcept { ::pthread_sigmask(SIG_BLOCK, &held_signals(), nullptr); }

bool is_passed_on(int signal) noexcept {
  return signal != SIGCHLD && sigismember(&held_signals(), signal) == 1;
}

bool is_from_terminal(const siginfo_t& signal) noexcept {
  if (signal.si_code != SI_KERNEL) return false;
  const bool of_hang_up = signal.si_signo == SIGHUP || signal.si_signo == SIGCONT;
  if (of_hang_up && ::getsid(0) == ::getpid()) return false;
  return std::ranges::find(sent_by_terminals, signal.si_signo) != sent_by_terminals.end();
}

void pass_on(const siginfo_t& signal, pid_t process) noexcept {
  if (signal.si_code != SI_QUEUE) {
    ::kill(process, signal.si_signo);
    return;
  }
  // Not sigqueue(): that knows the value as a pointer alone, and takes the bits of an int from its low half.
  siginfo_t again = signal;
  again.si_pid = ::getpid();
  again.si_uid = ::getuid();
  ::syscall(SYS_rt_sigqueueinfo, process, again.si_signo, &again);
}

siginfo_t next_signal() noexcept {
  siginfo_t signal{};
  // EINTR: this process was stopped and goes on.
  while (::sigwaitinfo(&held_signals(), &signal) < 0) {
  }
  return signal;
}

}  // namespace standin::cli
