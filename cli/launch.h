#pragma once

#include <signal.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "cli/capture.h"
#include "cli/child_process.h"
#include "cli/dialler.h"
#include "cli/inheritance.h"
#include "cli/process_handle.h"
#include "vault/descriptor.h"

namespace standin::cli {

enum class Ending : std::uint8_t {
  exited,         // the command ended by itself
  signalled,      // a signal ended it
  guardian_lost,  // standin's first process was killed; the command was ended for it
};

/// How a run ended.
struct RunEnd {
  Ending ending = Ending::exited;
  int exit_status = 0;  // what the run exits with
  int signal = 0;       // that ended the command; 0 for none
  std::size_t left_over =
      0;  // processes the command had left running, which were ended: they had lost their proxy
  std::size_t surviving = 0;  // of these, the ones that could not be ended
};

/// The broker's hold on its child, made by supervise(). Main thread only. In this order:
///
///     prepare                   signals act on this process as on any program: Ctrl-C ends a prompt, and the
///     run launch.hold_signals()     before the first thread is started: threads inherit the mask start the
///     proxy           on threads of its own launch.exec(...) launch.wait()
///
/// A Launch that is given up before exec() ends the child, which then has run nothing.
class Launch {
 public:
  /// `from_guardian` is the reading end of a pipe of siginfo_t, which ends with the guardian.
  Launch(std::pair<WaitingChild, Capture> child, Dialler dialler, vault::Descriptor from_guardian,
         pid_t guardian, const Inheritance& start);

  /// How the child's connections are captured. Its listener is the caller's to take.
  [[nodiscard]] Capture& capture() noexcept { return capture_; }
  /// There only inside of another run. Ended by wait(), when nothing of the command is left to connect for.
  [[nodiscard]] const Dialler& dialler() const noexcept { return dialler_; }

  /// From here on signals are kept: those sent to the run reach the command as soon as it runs.
  void hold_signals() noexcept;

  /// Executes the command with exactly this environment (not empty; the PATH that finds it is that of the
  /// start). nullopt: it runs. Leaves the terminal's session, so that neither the terminal nor a signal to
  /// the whole process group ends the broker before the child, and gives up stdin, stdout and what the parent
  /// passed on. Throws Error(environment) when the guardian is gone already.
  std::optional<ExecFailure> exec(std::span<const std::string> command,
                                  std::span<const std::pair<std::string, std::string>> environment);

  /// Passes signals on, stops and continues the guardian with the child, until the command has ended and
  /// nothing of it is left.
  RunEnd wait();

 private:
  void look_at_child();
  void on_stopped();
  void on_continued();
  void continue_guardian();
  void continue_child(const siginfo_t& signal);
  void note_end(const siginfo_t& end);
  [[nodiscard]] bool guardian_is_gone() const;
  /// Waits for the child or the guardian to do something, and looks after it; or for `other`, where it is
  /// open. False when there is no use in waiting on: `other` is readable, or the guardian is gone.
  bool look_after_run(int other);
  void pass_on_signal();

  /// Whose doing it is that a stopped child goes on. `fg` sends SIGCONT to the whole group, child and
  /// guardian: passing on the guardian's would be the second one.
  enum class Continued : std::uint8_t { nothing_pending, by_us, by_others };

  WaitingChild child_;
  Capture capture_;
  Dialler dialler_;
  vault::Descriptor from_guardian_;
  vault::Descriptor child_changes_;  // signalfd
  ProcessHandle guardian_;
  const Inheritance& start_;
  Continued continued_ = Continued::nothing_pending;
  bool guardian_stopped_ = false;
  std::optional<RunEnd> end_;
};

}  // namespace standin::cli
