#pragma once

#include <sys/ioctl.h>
#include <termios.h>

#include <cstdlib>
#include <string>

#include "tests/cli/launcher_fixture.h"

namespace standin::cli::test {

/// `launcher_probe WORDS…` as the foreground job of a shell with job control, on a terminal of its own. What
/// the shell says of the job comes on shell.out, between the lines of the job.
class Terminal {
  vault::Descriptor keyboard_ = open_terminal();
  vault::Descriptor screen_{::open(::ptsname(keyboard_.get()), O_RDWR | O_NOCTTY | O_CLOEXEC)};
  Pipe fg_;

 public:
  /// `leads_session`: there is no shell, as in `xterm -e standin run -- ...`.
  enum class Job { below_shell, leads_session };
  explicit Terminal(const Words& words, Job job = Job::below_shell)
      : shell(job == Job::below_shell ? Words{"shell", LAUNCHER_PROBE} + words : words, [this, job] {
          ::dup2(screen_.get(), 0);
          if (job == Job::below_shell) {
            ::dup2(fg_.reading.get(), 9);
          } else {
            ::setsid();
            ::ioctl(0, TIOCSCTTY, 0);
          }
        }) {
    screen_.close();
    job_ = job == Job::below_shell ? std::stoi(shell.out.after("job")) : shell.pid();
  }

  void press(char key) { type({&key, 1}); }
  void type(std::string_view text) {
    EXPECT_EQ(::write(keyboard_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void resize(unsigned short rows, unsigned short columns) {
    const winsize size{rows, columns, 0, 0};
    ::ioctl(keyboard_.get(), TIOCSWINSZ, &size);
  }
  void hang_up() { keyboard_.close(); }
  /// As the shell's fg does.
  void foreground() { EXPECT_EQ(::write(fg_.writing.get(), "f", 1), 1); }
  /// To the job's first process: standin.
  void send(int signal) const { ::kill(job_, signal); }
  [[nodiscard]] pid_t job() const { return job_; }

 private:
  static vault::Descriptor open_terminal() {
    vault::Descriptor terminal(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    ::grantpt(terminal.get());
    ::unlockpt(terminal.get());
    return terminal;
  }
  pid_t job_ = 0;

 public:
  Probe shell;  // last: it uses the rest from its first moment on
};

}  // namespace standin::cli::test
