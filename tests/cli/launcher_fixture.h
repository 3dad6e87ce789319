#pragma once

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "cli/process_handle.h"
#include "vault/descriptor.h"

// A small language for the launcher's tests: real processes, and never a sleep.

namespace standin::cli::test {

inline constexpr int patience_ms = 20'000;

inline bool wait_for(int descriptor, short event = POLLIN, int milliseconds = patience_ms) {
  pollfd one{descriptor, event, 0};
  while (::poll(&one, 1, milliseconds) < 0) {
  }
  return one.revents != 0;
}

/// A process that is not ours, watched: its number can't go to another unnoticed.
class Watched {
 public:
  explicit Watched(pid_t pid) : process_(pid) {}
  [[nodiscard]] bool ends() const { return process_.is_open() && wait_for(process_.descriptor()); }
  [[nodiscard]] bool lives() const {
    return process_.is_open() && !wait_for(process_.descriptor(), POLLIN, 0);
  }
  void send(int signal) const { process_.send(signal); }

 private:
  ProcessHandle process_;
};

/// The reading end of a pipe.
class Output {
 public:
  explicit Output(vault::Descriptor end) : end_(std::move(end)) {}
  /// The next line without its newline; "(end)" at the end, "(nothing)" when none comes.
  std::string line() {
    std::string text;
    for (char c = 0;;) {
      if (!wait_for(end_.get())) return "(nothing)";
      if (::read(end_.get(), &c, 1) != 1) return text.empty() ? "(end)" : text;
      if (c == '\n') return text;
      text.push_back(c);
    }
  }
  std::string rest() {
    std::string all;
    for (std::string next = line(); next != "(end)" && next != "(nothing)"; next = line()) all += next + "\n";
    return all;
  }
  /// What follows `word` and a space on the line that starts with it.
  std::string after(const std::string& word) {
    for (std::string next = line(); next != "(end)" && next != "(nothing)"; next = line()) {
      if (next.starts_with(word)) return next.substr(std::min(next.size(), word.size() + 1));
    }
    return "(not said)";
  }

 private:
  vault::Descriptor end_;
};

struct Pipe {
  vault::Descriptor reading, writing;
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
    reading = vault::Descriptor(ends[0]);
    writing = vault::Descriptor(ends[1]);
  }
};

using Words = std::vector<std::string>;

inline Words operator+(Words first, const Words& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

/// `launcher_probe WORDS…`, started with pipes for stdin, stdout and stderr; `change` is done to the new
/// process just before, to start it under other circumstances. Killed at the end, if a test has not waited
/// for it.
class Probe {
 public:
  explicit Probe(
      const Words& words, const std::function<void()>& change = [] {})
      : Probe(words, change, {}, {}, {}) {}
  ~Probe() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  void send(int signal) const { ::kill(pid_, signal); }
  void type(std::string_view text) const {
    EXPECT_EQ(::write(input_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  [[nodiscard]] int input() const { return input_.get(); }
  /// Waits for its end: the exit status, or minus the signal that ended it.
  int status() {
    int status = 0;
    if (!Watched(pid_).ends()) return -1000;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  Output out, err;

 private:
  Probe(const Words& words, const std::function<void()>& change, Pipe in, Pipe output, Pipe errors)
      : out(std::move(output.reading)), err(std::move(errors.reading)), input_(std::move(in.writing)) {
    std::vector<char*> arguments{const_cast<char*>(LAUNCHER_PROBE)};
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::dup2(in.reading.get(), 0);
    ::dup2(output.writing.get(), 1);
    ::dup2(errors.writing.get(), 2);
    // What the test runner has open is not what is tested.
    ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    // Where the probe is built with sanitizers, it is to keep its limits and die of its signals all the same.
    ::setenv("ASAN_OPTIONS", "disable_coredump=0:handle_segv=0", 1);
    change();
    ::execv(LAUNCHER_PROBE, arguments.data());
    ::_exit(99);
  }

  vault::Descriptor input_;
  pid_t pid_ = 0;
};

/// `standin run -- launcher_probe WORDS…`, in the small.
inline Words under_run(const Words& words, const Words& options = {}) {
  return Words{"run"} + options + Words{"--", LAUNCHER_PROBE} + words;
}
inline Words run_of(const Words& command, const Words& options = {}) {
  return Words{"run"} + options + Words{"--"} + command;
}

/// The only child process of `pid`.
inline pid_t child_of(pid_t pid) {
  std::ifstream list("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children");
  pid_t child = 0;
  list >> child;
  return child;
}

}  // namespace standin::cli::test
