#include "cli/terminal.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "cli/error.h"
#include "vault/vault.h"

namespace standin::cli {
namespace {

constexpr std::array ending_signals{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
volatile sig_atomic_t caught_signal = 0;

void say(std::string_view text) {
  if (::write(STDERR_FILENO, text.data(), text.size()) < 0)
    return;  // nobody to ask: the answer can still come
}

/// Echo off and no line buffer, until it goes out of scope. Without the line buffer, because the kernel's
/// ends a line silently after 4095 bytes, and keys are longer.
class SilentTerminal {
 public:
  SilentTerminal() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) fail();
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON);
    silent.c_cc[VMIN] = 1;
    silent.c_cc[VTIME] = 0;
    if (::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) != 0) fail();
  }
  // TCSAFLUSH drops what was typed or pasted beyond the answer: it must not reach the shell.
  ~SilentTerminal() { ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_); }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;

  [[nodiscard]] bool is(char c, std::size_t which) const {
    return static_cast<cc_t>(c) == before_.c_cc[which];
  }

 private:
  [[noreturn]] static void fail() {
    throw Error(Error::Kind::input,
                "cannot turn off the terminal's echo: " + std::generic_category().message(errno));
  }
  termios before_{};
};

/// Signals that would leave the terminal silent are held back, and seen only while waiting for a key.
class HeldSignals {
 public:
  HeldSignals() {
    caught_signal = 0;
    sigset_t held;
    sigemptyset(&held);
    for (const int signal : ending_signals) sigaddset(&held, signal);
    ::pthread_sigmask(SIG_BLOCK, &held, &waiting_);
    struct sigaction note {};
    note.sa_handler = [](int signal) { caught_signal = signal; };
    for (std::size_t i = 0; i < ending_signals.size(); ++i) {
      ::sigaction(ending_signals[i], nullptr, &before_[i]);
      if (before_[i].sa_handler != SIG_IGN) ::sigaction(ending_signals[i], &note, nullptr);
    }
  }
  ~HeldSignals() {
    for (std::size_t i = 0; i < ending_signals.size(); ++i)
      ::sigaction(ending_signals[i], &before_[i], nullptr);
    ::pthread_sigmask(SIG_SETMASK, &waiting_, nullptr);
  }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

  /// False when a signal came first.
  [[nodiscard]] bool wait_for_key() const {
    pollfd key{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    while (::ppoll(&key, 1, nullptr, &waiting_) < 0) {
      if (caught_signal != 0) return false;
    }
    return true;
  }

 private:
  sigset_t waiting_{};
  std::array<struct sigaction, ending_signals.size()> before_{};
};

bool more_is_waiting() {
  int count = 0;
  return ::ioctl(STDIN_FILENO, FIONREAD, &count) == 0 && count > 0;
}

/// The answer as it is typed, in memory that is wiped.
class Answer {
 public:
  void take(char c) {
    if (size_ == text_.size()) {
      throw Error(Error::Kind::input, "the secret is longer than 1 MiB");
    }
    text_.fill([&](std::span<std::byte> bytes) { bytes[size_] = static_cast<std::byte>(c); });
    ++size_;
  }
  void erase_one() { size_ -= size_ > 0 ? 1 : 0; }
  void erase_all() { size_ = 0; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] vault::Secret finished() const {
    return text_.reveal(
        [&](std::span<const std::byte> bytes) { return vault::Secret::copy_of(bytes.first(size_)); });
  }

 private:
  vault::Secret text_{vault::Vault::max_secret_bytes};
  std::size_t size_ = 0;
};

enum class Asked { answered, interrupted };

Asked read_answer(std::string_view prompt, Answer& answer) {
  const HeldSignals signals;
  const SilentTerminal terminal;
  say(prompt);
  while (signals.wait_for_key()) {
    char c = 0;
    const ssize_t n = ::read(STDIN_FILENO, &c, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      throw Error(Error::Kind::input, "cannot read the terminal: " + std::generic_category().message(errno));
    if (n == 0 || terminal.is(c, VEOF)) {
      if (answer.empty()) throw Error(Error::Kind::input, "no answer was given");
      return Asked::answered;
    }
    if (c == '\n' || c == '\r') {
      if (!more_is_waiting()) return Asked::answered;
      throw Error(Error::Kind::input, "several lines were pasted, and the prompt takes one",
                  "give a secret of several lines with '--from file:PATH' or on stdin");
    }
    if (terminal.is(c, VERASE) || c == '\b' || c == '\x7f') {
      answer.erase_one();
    } else if (terminal.is(c, VKILL)) {
      answer.erase_all();
    } else {
      answer.take(c);
    }
  }
  return Asked::interrupted;
}

}  // namespace

bool is_terminal(int descriptor) noexcept { return ::isatty(descriptor) == 1; }

std::optional<std::size_t> terminal_width(int descriptor) noexcept {
  winsize size{};
  if (!is_terminal(descriptor) || ::ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
    return std::nullopt;
  return size.ws_col;
}

bool may_colour(int descriptor) noexcept {
  const auto value = [](const char* name) {
    const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing changes it by then
    return std::string_view(text == nullptr ? "" : text);
  };
  return is_terminal(descriptor) && value("NO_COLOR").empty() && value("TERM") != "dumb";
}

vault::Secret ask_hidden(std::string_view prompt) {
  Answer answer;
  // Stopped (^Z) and continued, it asks anew; a signal that ends does so here, with the terminal restored.
  while (read_answer(prompt, answer) == Asked::interrupted) {
    say("\n");
    ::raise(caught_signal);
    answer.erase_all();
  }
  say("\n");
  return answer.finished();
}

}  // namespace standin::cli
