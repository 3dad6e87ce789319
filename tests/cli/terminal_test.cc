#include "cli/terminal.h"

#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>

#include <gtest/gtest.h>

#include "cli/error.h"
#include "cli/output.h"

namespace standin::cli {
namespace {

constexpr std::string_view prompt = "secret: ";

/// A process on a terminal of its own that asks for a secret, and says what it got in hex on another channel.
class Asked {
 public:
  Asked() {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) throw std::runtime_error("pipe");
    child_ = ::forkpty(&terminal_, nullptr, nullptr, nullptr);
    if (child_ == 0) be_asked(ends[1]);
    ::close(ends[1]);
    answers_ = ends[0];
    read_until(prompt);
  }
  ~Asked() {
    ::close(terminal_);
    ::close(answers_);
  }
  Asked(const Asked&) = delete;
  Asked& operator=(const Asked&) = delete;

  void type(std::string_view keys) {
    while (!keys.empty()) {
      const ssize_t n = ::write(terminal_, keys.data(), std::min<std::size_t>(keys.size(), 1000));
      ASSERT_GT(n, 0);
      keys.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  void signal(int number) const { ::kill(child_, number); }

  /// "answer:TEXT" or "error:WHAT".
  std::string answer() {
    std::string text;
    std::array<char, 4096> piece{};
    for (ssize_t n = 0; (n = ::read(answers_, piece.data(), piece.size())) > 0;) {
      text.append(piece.data(), static_cast<std::size_t>(n));
    }
    return text;
  }
  int wait() const {
    int status = 0;
    ::waitpid(child_, &status, 0);
    return status;
  }
  /// What a person sees; the terminal is closed by then.
  std::string seen() {
    read_until({});
    return seen_;
  }
  [[nodiscard]] bool echoes() const {
    termios now{};
    return ::tcgetattr(terminal_, &now) == 0 && (now.c_lflag & ECHO) != 0 && (now.c_lflag & ICANON) != 0;
  }

 private:
  [[noreturn]] static void be_asked(int answers) {
    std::string said;
    try {
      said = "answer:";
      ask_hidden(prompt).reveal([&](std::span<const std::byte> bytes) {
        said.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      });
    } catch (const Error& error) {
      said = std::string("error:") + error.what();
    }
    Output out(answers);
    out.print(said);
    out.flush();
    ::_exit(0);
  }
  void read_until(std::string_view text) {
    std::array<char, 4096> piece{};
    while (text.empty() || seen_.find(text) == std::string::npos) {
      pollfd ready{terminal_, POLLIN, 0};
      if (::poll(&ready, 1, 10'000) <= 0) return;
      const ssize_t n = ::read(terminal_, piece.data(), piece.size());
      if (n <= 0) return;
      seen_.append(piece.data(), static_cast<std::size_t>(n));
    }
  }

  int terminal_ = -1;
  int answers_ = -1;
  pid_t child_ = -1;
  std::string seen_;
};

TEST(HiddenPrompt, TakesALineAndShowsNothingOfIt) {
  Asked asked;
  asked.type("hunter2\n");
  EXPECT_EQ(asked.answer(), "answer:hunter2");
  asked.wait();
  EXPECT_EQ(asked.seen().find("hunter2"), std::string::npos);
}

TEST(HiddenPrompt, TheTerminalIsAsItWasAfterwards) {
  Asked asked;
  EXPECT_FALSE(asked.echoes());
  asked.type("x\n");
  EXPECT_EQ(asked.answer(), "answer:x");
  EXPECT_TRUE(asked.echoes());
  asked.wait();
}

TEST(HiddenPrompt, KeysThatEraseDo) {
  Asked asked;
  asked.type(
      "wrong\x15"
      "abcX\x7f"
      "dY\b\r");
  EXPECT_EQ(asked.answer(), "answer:abcd");
  asked.wait();
}

TEST(HiddenPrompt, ALineLongerThanTheKernelsIsTakenWhole) {
  const std::string key(20'000, 'k');
  Asked asked;
  asked.type(key);
  asked.type("\n");
  EXPECT_EQ(asked.answer(), "answer:" + key);
  asked.wait();
}

TEST(HiddenPrompt, AnEmptyLineIsAnEmptyAnswer) {
  Asked asked;
  asked.type("\n");
  EXPECT_EQ(asked.answer(), "answer:");
  asked.wait();
}

TEST(HiddenPrompt, TheEndOfInputIsAnErrorWhereNothingWasTyped) {
  Asked asked;
  asked.type("\x04");
  EXPECT_EQ(asked.answer(), "error:no answer was given");
  asked.wait();
}

TEST(HiddenPrompt, SeveralLinesPastedAreRefused) {
  Asked asked;
  asked.type("-----BEGIN KEY-----\nAAAA\n-----END KEY-----\n");
  EXPECT_EQ(asked.answer(), "error:several lines were pasted, and the prompt takes one");
  asked.wait();
}

/// Sent while it waits for a key: it ends by the signal, and the terminal echoes again.
void expect_ended_with_echo(int number) {
  Asked asked;
  asked.type("half of a sec");
  asked.signal(number);
  EXPECT_EQ(asked.answer(), "");
  EXPECT_TRUE(asked.echoes());
  const int status = asked.wait();
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), number);
}

TEST(HiddenPrompt, EndsWithEchoBySigInt) { expect_ended_with_echo(SIGINT); }
TEST(HiddenPrompt, EndsWithEchoBySigTerm) { expect_ended_with_echo(SIGTERM); }
TEST(HiddenPrompt, EndsWithEchoBySigHup) { expect_ended_with_echo(SIGHUP); }
TEST(HiddenPrompt, EndsWithEchoBySigQuit) { expect_ended_with_echo(SIGQUIT); }

TEST(HiddenPrompt, ControlCEndsIt) {
  Asked asked;
  asked.type("x\x03");
  EXPECT_EQ(asked.answer(), "");
  const int status = asked.wait();
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGINT);
}

/// What a table of one wide and one narrow column looks like on a terminal of `columns`.
std::string table_on_terminal(unsigned short columns) {
  int terminal = -1;
  int slave = -1;
  const winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
  EXPECT_EQ(::openpty(&terminal, &slave, nullptr, nullptr, &size), 0);
  Table table({"WIDE", "NARROW"});
  table.add({std::string(100, 'w'), "narrow"});
  Output out(slave);
  table.print(out);
  out.flush();
  std::string text(4096, '\0');
  text.resize(static_cast<std::size_t>(::read(terminal, text.data(), text.size())));
  ::close(slave);
  ::close(terminal);
  return text;
}

TEST(Terminal, ATableIsCutToItsWidth) {
  ::setenv("NO_COLOR", "1", 1);
  const std::string text = table_on_terminal(40);
  EXPECT_NE(text.find(std::string(31, 'w') + "…  narrow\r\n"), std::string::npos) << text;
}

TEST(Terminal, NoColourWhereItIsNotWanted) {
  ::setenv("TERM", "xterm", 1);
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_EQ(table_on_terminal(40).find('\x1b'), std::string::npos);
  ::unsetenv("NO_COLOR");
  EXPECT_NE(table_on_terminal(40).find('\x1b'), std::string::npos);
  ::setenv("TERM", "dumb", 1);
  EXPECT_EQ(table_on_terminal(40).find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace standin::cli
