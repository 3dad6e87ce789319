#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "cli/connect_filter.h"
#include "cli/inheritance.h"
#include "vault/descriptor.h"

namespace standin::cli {

/// Why the command could not be started: execvp's errno.
struct ExecFailure {
  std::string command;
  int reason = 0;

  [[nodiscard]] int exit_status() const noexcept;  // 127 when it is not found, else 126
  [[nodiscard]] std::string message() const;
  [[nodiscard]] std::string hint() const;  // may be empty
};

/// The process that will be the child: forked while standin is one small thread that has touched no secret,
/// it waits until the command and its environment are known, and executes it.
///
/// Between the two it takes these steps, in this order (child_process.cc, become_the_command): tie its life
/// to the broker's; put itself under the filter of kernel capture, where that is wished for, and hand its
/// listener over; receive the command; give back the signals of the start; exec. Whatever else must happen to
/// the process before the command runs goes between the last two; the channel to the broker is open then, in
/// both directions.
///
/// It gets SIGKILL when the thread that forked it ends, so that is to be the main thread. When the channel is
/// closed without a command it exits, silently.
class WaitingChild {
 public:
  enum class Filter : std::uint8_t { none, installed };

  /// `forget` is run first in the new process: it gives up what must not be in its memory. Throws
  /// Error(environment).
  static WaitingChild fork(const Inheritance& start, const std::function<void()>& forget,
                           Filter filter = Filter::none);

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

  /// The listener of a child that was forked with Filter::installed, or why there is none. Waits for it;
  /// once.
  InstalledFilter take_listener();
  /// Ends it, which has run nothing, and waits for that.
  void give_up() noexcept;

  /// Has it execute `command` (not empty) with exactly `environment`, found as execvp finds it with the PATH
  /// of the start. Whether it did is known when outcome_descriptor() is readable.
  void exec(std::span<const std::string> command,
            std::span<const std::pair<std::string, std::string>> environment);
  [[nodiscard]] int outcome_descriptor() const noexcept { return channel_.get(); }
  /// The errno of exec; nullopt when the command runs, or a signal ended the child before. Waits for it.
  std::optional<int> outcome();

 private:
  WaitingChild(pid_t pid, vault::Descriptor channel) : pid_(pid), channel_(std::move(channel)) {}

  pid_t pid_;
  vault::Descriptor channel_;
};

}  // namespace standin::cli
