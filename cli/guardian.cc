#include "cli/guardian.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "cli/error.h"
#include "cli/exit_status.h"
#include "cli/fault.h"
#include "cli/messages.h"
#include "cli/process_tree.h"
#include "cli/signals.h"
#include "vault/descriptor.h"

namespace standin::cli {
namespace {

/// From guardian to broker: the signals to pass on, each a siginfo_t; and its end is the guardian's. Not by
/// sending the signal again alone: one that somebody else had sent to the broker (pkill standin) would
/// swallow it.
struct Line {
  vault::Descriptor broker_end;
  vault::Descriptor guardian_end;

  static Line make() {
    std::array<int, 2> ends{};
    // Not blocking: a broker that is stopped must not keep the guardian from being stopped, or waited for.
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
      throw Error(Error::Kind::environment, "cannot make a pipe: " + std::generic_category().message(errno));
    }
    return {vault::Descriptor(ends[0]), vault::Descriptor(ends[1])};
  }
};

// Before the first fork, which hands it on: whoever opened /proc/PID/mem of the broker, or attached to it, in
// a moment when that was allowed could go on reading when it is no more.
void close_memory() noexcept { ::prctl(PR_SET_DUMPABLE, 0); }

/// For the child, up to its exec, which does the same by itself: there is nothing in it to hide, and its
/// broker may have to look.
void open_memory() noexcept { ::prctl(PR_SET_DUMPABLE, 1); }

// Only after the fork: the child is to have its parent's limit.
void forbid_core() noexcept {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
}

/// A pipe that nobody reads and a full quota are errors that are told, not ends. The child has its own: it
/// was forked before.
void ignore_write_signals() noexcept {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

int run_broker(BrokerMain& broker_main, Launch& launch) {
  try {
    return broker_main(launch);
  } catch (...) {
    print_fault(current_fault());
  }
  return exit_run_failed;
}

/// The broker's process, from fork to end. It does not return into the caller's frames: those are the
/// guardian's.
[[noreturn]] void be_broker(pid_t guardian, Line line, const Inheritance& start, CaptureWish wish,
                            BrokerMain& broker_main) {
  line.guardian_end.close();
  // For the time before Launch::hold_signals(): nobody would wait for a prompt's answer any more.
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != guardian) ::_exit(exit_run_failed);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  int status = exit_run_failed;
  try {
    const auto forget = [&] {
      broker_main = nullptr;
      open_memory();
    };
    auto child = fork_captured(start, forget, wish);
    Dialler dialler = child.second.is_nested ? Dialler::fork(forget) : Dialler();
    Launch launch(std::move(child), std::move(dialler), std::move(line.broker_end), guardian, start);
    forbid_core();
    ignore_write_signals();
    start.restore_mask();
    status = run_broker(broker_main, launch);
  } catch (...) {
    print_fault(current_fault());
  }
  broker_main = nullptr;
  ::_exit(status);
}

/// How the broker ended; nullopt while it lives.
std::optional<siginfo_t> look_at_broker(pid_t broker) {
  for (;;) {
    siginfo_t change{};
    if (::waitid(P_PID, static_cast<id_t>(broker), &change, WEXITED | WSTOPPED | WNOHANG) != 0 ||
        change.si_pid == 0) {
      return std::nullopt;
    }
    if (change.si_code != CLD_STOPPED) return change;
    ::raise(SIGSTOP);  // Ctrl-Z at the broker's prompt
  }
}

int status_of(const siginfo_t& end) {
  if (end.si_code == CLD_EXITED) return end.si_status;
  // Only while it prepares does the broker die of these: Ctrl-C at its prompt.
  if (is_passed_on(end.si_status)) return exit_signal_base + end.si_status;
  print_error("standin's broker died of signal " + std::to_string(end.si_status) + " (" +
                  ::strsignal(end.si_status) + "); the command was ended",
              "the log shows what it had done ('standin audit')");
  return exit_run_failed;
}

void tell_broker(pid_t broker, const vault::Descriptor& line, const siginfo_t& signal) {
  if (::write(line.get(), &signal, sizeof signal) < 0)
    return;  // full (a thousand signals), or the broker is gone
  // While it prepares, the broker does not read: the signal acts on it as on any program. After that it holds
  // it.
  // Real-time ones it would hold one by one, up to the limit of the user: they have the pipe alone.
  if (signal.si_signo < SIGRTMIN) ::kill(broker, signal.si_signo);
}

int guard(pid_t broker, const vault::Descriptor& line) {
  for (;;) {
    const siginfo_t signal = next_signal();
    if (signal.si_signo == SIGCHLD) {
      const auto end = look_at_broker(broker);
      if (!end) continue;
      const int status = status_of(*end);
      end_descendants([](const siginfo_t&) {});  // none, unless the broker died
      return status;
    }
    const bool by_broker = signal.si_code != SI_KERNEL && signal.si_pid == broker;
    if (!by_broker && !is_from_terminal(signal)) tell_broker(broker, line, signal);
  }
}

}  // namespace

int supervise(Inheritance start, CaptureWish wish, BrokerMain broker_main) {
  close_memory();
  Line line = Line::make();
  // SIGCHLD ignored by the parent would be inherited, and there would be nothing to wait for.
  std::signal(SIGCHLD, SIG_DFL);
  hold_signals();
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  const pid_t guardian = ::getpid();
  const pid_t broker = ::fork();
  if (broker < 0) {
    throw Error(Error::Kind::environment, "cannot fork the broker: " + std::generic_category().message(errno),
                "too many processes; see 'ulimit -u'");
  }
  if (broker == 0) be_broker(guardian, std::move(line), start, wish, broker_main);
  broker_main = nullptr;
  line.broker_end.close();
  start.give_up_descriptors();
  forbid_core();
  ignore_write_signals();
  return guard(broker, line.guardian_end);
}

}  // namespace standin::cli
