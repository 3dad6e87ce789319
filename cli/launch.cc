#include "cli/launch.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "cli/error.h"
#include "cli/exit_status.h"
#include "cli/process_tree.h"
#include "cli/signals.h"

namespace standin::cli {
namespace {

const sigset_t& child_signal() {
  static const sigset_t set = [] {
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, SIGCHLD);
    return one;
  }();
  return set;
}

}  // namespace

Launch::Launch(std::pair<WaitingChild, Capture> child, Dialler dialler, vault::Descriptor from_guardian,
               pid_t guardian, const Inheritance& start)
    : child_(std::move(child.first)),
      capture_(std::move(child.second)),
      dialler_(std::move(dialler)),
      from_guardian_(std::move(from_guardian)),
      child_changes_(::signalfd(-1, &child_signal(), SFD_CLOEXEC | SFD_NONBLOCK)),
      guardian_(guardian),
      start_(start) {
  if (!child_changes_.is_open()) {
    throw Error(Error::Kind::environment,
                "cannot watch the child: " + std::generic_category().message(errno));
  }
}

void Launch::hold_signals() noexcept {
  cli::hold_signals();
  // The guardian's death is told by its pipe now; SIGCONT, so that a broker that is stopped hears it too.
  ::prctl(PR_SET_PDEATHSIG, SIGCONT);
}

std::optional<ExecFailure> Launch::exec(std::span<const std::string> command,
                                        std::span<const std::pair<std::string, std::string>> environment) {
  hold_signals();
  look_at_child();  // what happened to it before SIGCHLD was held
  if (guardian_is_gone()) throw Error(Error::Kind::environment, "the process that started this run is gone");
  // Signals to the process group are the child's. A host that kills the whole group would end the broker too,
  // and nobody would be left to end what the child has sent into the background. A session rather than a
  // group of its own: an orphan that the broker adopts would otherwise count as having a parent in its
  // session, and the kernel would not hang up a stopped job whose shell has died.
  ::setsid();
  start_.give_up_descriptors();
  child_.exec(command, environment);
  // Ctrl-Z can stop the child just before it executes: the run is looked after here already.
  while (look_after_run(child_.outcome_descriptor())) {
  }
  if (guardian_is_gone()) return std::nullopt;  // wait() ends the child
  const auto reason = child_.outcome();
  if (!reason) return std::nullopt;
  while (!end_ && look_after_run(-1)) {  // until it is reaped
  }
  return ExecFailure{command.front(), *reason};
}

RunEnd Launch::wait() {
  while (!end_ && look_after_run(-1)) {
  }
  const bool lost = !end_;
  dialler_.give_up();  // it is no process of the command's
  const EndedTree tree = end_descendants([this](const siginfo_t& end) { note_end(end); });
  // No end: it could not be ended (setuid, or stuck in the kernel).
  if (!end_) end_ = RunEnd{.exit_status = exit_run_failed};
  if (lost) end_->ending = Ending::guardian_lost;
  end_->left_over = lost ? 0 : tree.told;
  end_->surviving = tree.surviving;
  return *end_;
}

bool Launch::guardian_is_gone() const {
  pollfd line{from_guardian_.get(), POLLIN, 0};
  return ::poll(&line, 1, 0) > 0 && (line.revents & POLLHUP) != 0;
}

bool Launch::look_after_run(int other) {
  std::array<pollfd, 3> watched{pollfd{child_changes_.get(), POLLIN, 0},
                                pollfd{from_guardian_.get(), POLLIN, 0}, pollfd{other, POLLIN, 0}};
  if (::poll(watched.data(), watched.size(), -1) < 0) return true;  // stopped, and continued
  if (watched[0].revents != 0) look_at_child();
  if ((watched[1].revents & POLLHUP) != 0) return false;
  if (watched[1].revents != 0) pass_on_signal();
  return watched[2].revents == 0;
}

void Launch::pass_on_signal() {
  siginfo_t signal{};
  if (::read(from_guardian_.get(), &signal, sizeof signal) != sizeof signal) return;
  if (signal.si_signo == SIGCONT) {
    continue_child(signal);
  } else if (!end_) {  // waited for, its number may be another's
    pass_on(signal, child_.pid());
  }
}

void Launch::look_at_child() {
  signalfd_siginfo news{};
  while (::read(child_changes_.get(), &news, sizeof news) > 0) {
  }
  for (;;) {
    siginfo_t change{};
    // Of all children: as a subreaper the broker is the parent of every orphan of the command.
    if (::waitid(P_ALL, 0, &change, WEXITED | WSTOPPED | WCONTINUED | WNOHANG) != 0 || change.si_pid == 0)
      return;
    if (change.si_pid != child_.pid()) continue;
    if (change.si_code == CLD_STOPPED) {
      on_stopped();
    } else if (change.si_code == CLD_CONTINUED) {
      on_continued();
    } else {
      note_end(change);
    }
  }
}

void Launch::on_stopped() {
  continued_ = Continued::nothing_pending;
  // SIGSTOP, and sent by the same process as SIGCONT below: the kernel keeps their order, whereas a message
  // "stop yourself with SIGTSTP" could be read after the child went on, and the job would hang.
  guardian_.send(SIGSTOP);
  guardian_stopped_ = true;
}

void Launch::on_continued() {
  const bool ours = continued_ == Continued::by_us;
  continued_ = ours ? Continued::nothing_pending : Continued::by_others;
  continue_guardian();
}

void Launch::continue_guardian() {
  // It may have been continued together with the child; it does not pass on what the broker sends.
  if (std::exchange(guardian_stopped_, false)) guardian_.send(SIGCONT);
}

void Launch::continue_child(const siginfo_t& signal) {
  look_at_child();  // the group's own SIGCONT came to the child first, and is known here now
  if (end_) return;
  if (continued_ == Continued::by_others) {
    continued_ = Continued::nothing_pending;
    return;
  }
  continued_ = Continued::by_us;
  pass_on(signal, child_.pid());
}

void Launch::note_end(const siginfo_t& end) {
  if (end.si_pid != child_.pid()) return;
  const bool exited = end.si_code == CLD_EXITED;
  end_ = RunEnd{.ending = exited ? Ending::exited : Ending::signalled,
                .exit_status = exited ? end.si_status : exit_signal_base + end.si_status,
                .signal = exited ? 0 : end.si_status};
  continue_guardian();  // the child was killed while it was stopped
}

}  // namespace standin::cli
