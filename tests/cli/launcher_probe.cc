// Both ends of the launcher, for its tests. `launcher_probe run [OPTION…] -- COMMAND` is `standin run`
// without vault and proxy; every other word is a command to run under it, which says what it finds.

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "cli/error.h"
#include "cli/exit_status.h"
#include "cli/guardian.h"
#include "cli/messages.h"
#include "cli/secret_source.h"

namespace standin::cli {
namespace {
using Words = std::vector<std::string>;

bool has(const Words& words, std::string_view word) { return std::ranges::find(words, word) != words.end(); }

void say(std::string_view text) {
  if (::write(STDERR_FILENO, text.data(), text.size()) < 0) ::_exit(exit_failed);
}

void wait_for_byte() {
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) < 0) {
  }
}

std::vector<std::pair<std::string, std::string>> environment_of(const Words& options) {
  std::vector<std::pair<std::string, std::string>> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text(*entry);
    const std::size_t equals = text.find('=');
    variables.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  // A single string may have 128 KiB (MAX_ARG_STRLEN); so the megabyte is made of 16.
  for (int i = 0; has(options, "--megabyte") && i < 16; ++i) {
    variables.emplace_back("MEGABYTE_" + std::to_string(i), std::string(65536, 'm'));
  }
  return variables;
}

int broker_main(Launch& launch, const Words& options, const Words& command) {
  if (has(options, "--prepare")) {
    say("preparing\n");
    wait_for_byte();
  }
  if (has(options, "--fail")) throw Error(Error::Kind::refused, "no vault here", "make one");
  launch.hold_signals();
  // The proxy stands for this thread: signals must not end up in it.
  std::jthread proxy([](const std::stop_token& stop) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any().wait(lock, stop, [] { return false; });
  });
  if (has(options, "--memory")) say("dumpable " + std::to_string(::prctl(PR_GET_DUMPABLE)) + "\n");
  if (has(options, "--hold")) {
    say("held\n");
    wait_for_byte();
  }
  if (const auto failure = launch.exec(command, environment_of(options))) {
    print_error(failure->message(), failure->hint());
    return failure->exit_status();
  }
  const RunEnd end = launch.wait();
  if (end.left_over > 0) say("left over: " + std::to_string(end.left_over) + "\n");
  if (end.ending == Ending::guardian_lost) say("guardian lost\n");
  return end.exit_status;
}

int run(const Words& words) try {
  Inheritance start = Inheritance::take();
  const auto dashes = std::ranges::find(words, "--");
  const Words options(words.begin(), dashes);
  const Words command(dashes + 1, words.end());
  auto key = take_secret_variable("STANDIN_KEY");
  return supervise(std::move(start), CaptureWish::environment, [&, key = std::move(key)](Launch& launch) {
    if (key) say("key of " + std::to_string(key->size()) + " bytes\n");
    return broker_main(launch, options, command);
  });
} catch (const Error& error) {
  print_error(error.what(), error.hint());
  return exit_run_failed;
}

int report(const Words&) {
  std::vector<int> open;
  for (int number = 0; number < 1000; ++number) {
    if (::fcntl(number, F_GETFD) >= 0) open.push_back(number);
  }
  // Where stdout is closed, stderr has to do.
  std::FILE* out = open.size() > 1 && open[0] <= 1 && ::fcntl(1, F_GETFD) >= 0 ? stdout : stderr;
  std::fprintf(out, "descriptors");
  for (const int number : open) std::fprintf(out, " %d", number);
  rlimit core{};
  ::getrlimit(RLIMIT_CORE, &core);
  const mode_t mask = ::umask(0);
  std::fprintf(
      out, "\ncore %llu\ndumpable %d\numask %o\nno_new_privs %d\nnice %d\ngroup %d\nsession %d\nsubreaper ",
      static_cast<unsigned long long>(core.rlim_cur), ::prctl(PR_GET_DUMPABLE), mask,
      ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), ::getpriority(PRIO_PROCESS, 0), ::getpgrp(), ::getsid(0));
  int subreaper = 0;
  ::prctl(PR_GET_CHILD_SUBREAPER, &subreaper);
  std::fprintf(out, "%d\nfolder %s\n", subreaper, std::filesystem::current_path().c_str());
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if ((line.starts_with("Sig") && !line.starts_with("SigQ")) || line.starts_with("Shd"))
      std::fprintf(out, "%s\n", line.c_str());
  }
  return 0;
}

int arguments(const Words& words) {
  for (const std::string& word : words) std::cout << "<" << word << ">\n";
  return 0;
}

/// Names every signal that comes, with the value that was queued with it; ends with SIGTERM.
int signals(const Words&) {
  sigset_t all;
  sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);
  std::cout << "ready" << std::endl;
  for (;;) {
    siginfo_t info{};
    if (::sigwaitinfo(&all, &info) < 0) continue;
    const char* name = ::sigabbrev_np(info.si_signo);
    std::cout << (name != nullptr ? name : "RT");
    if (info.si_code == SI_QUEUE) std::cout << " " << info.si_value.sival_int;
    std::cout << std::endl;
    if (info.si_signo == SIGTERM) return 0;
  }
}

/// Leaves a process behind that says its number: `stubborn` ignores SIGTERM, `daemon` has forked itself away
/// into a session of its own. `stay`: its parent lives on.
int leave(const Words& words) {
  if (::fork() == 0) {
    if (has(words, "daemon")) {
      ::setsid();
      if (::fork() != 0) ::_exit(0);
    }
    if (has(words, "stubborn")) ::signal(SIGTERM, SIG_IGN);
    std::cout << ::getpid() << std::endl;
    if (has(words, "quiet")) {
      for (int number = 0; number < 3; ++number) ::close(number);
    }
    for (;;) ::pause();
  }
  if (has(words, "daemon")) ::wait(nullptr);
  if (has(words, "stubborn")) ::signal(SIGTERM, SIG_IGN);
  while (has(words, "stay")) ::pause();
  // Not before the other one has said its number: the byte comes from the test.
  wait_for_byte();
  return 0;
}

/// Leaves a process behind that moves on: it minds no SIGTERM, forks and is gone, and so does each that
/// follows. One that still runs after ten seconds says so.
int flee(const Words&) {
  ::signal(SIGTERM, SIG_IGN);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  if (::fork() != 0) {
    wait_for_byte();
    return 0;
  }
  while (std::chrono::steady_clock::now() < deadline) {
    if (::fork() != 0) ::_exit(0);
  }
  std::cout << "fled" << std::endl;
  return 0;
}

int die(const Words& words) {
  ::signal(std::stoi(words.at(0)), SIG_DFL);
  ::raise(std::stoi(words.at(0)));
  return 0;
}

int leave_with(const Words& words) { return std::stoi(words.at(0)); }

int stop_itself(const Words&) {
  std::cout << ::getpid() << std::endl;
  ::raise(SIGSTOP);
  std::cout << "continued" << std::endl;
  return 7;
}

int close_stdout(const Words&) {
  ::close(STDOUT_FILENO);
  wait_for_byte();
  return 0;
}

/// A shell with job control and one job, on the terminal that is stdin. It says on stdout what becomes of the
/// job, and brings it to the foreground again for a byte on descriptor 9.
int shell(const Words& words) {
  ::setsid();
  ::ioctl(STDIN_FILENO, TIOCSCTTY, 0);
  ::signal(SIGTTOU, SIG_IGN);
  const pid_t job = ::fork();
  if (job == 0) {
    ::setpgid(0, 0);
    ::tcsetpgrp(STDIN_FILENO, ::getpid());
    ::signal(SIGTTOU, SIG_DFL);
    ::close(9);
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    ::execv(arguments[0], arguments.data());
    ::_exit(exit_failed);
  }
  std::cout << "job " << job << std::endl;
  for (int status = 0; ::waitpid(job, &status, WUNTRACED) == job;) {
    if (WIFEXITED(status)) std::cout << "exited " << WEXITSTATUS(status) << std::endl;
    if (WIFSIGNALED(status)) std::cout << "killed " << WTERMSIG(status) << std::endl;
    if (!WIFSTOPPED(status)) return 0;
    ::tcsetpgrp(STDIN_FILENO, ::getpgrp());
    std::cout << "stopped" << std::endl;
    char byte = 0;
    if (::read(9, &byte, 1) != 1) return exit_failed;
    ::tcsetpgrp(STDIN_FILENO, job);
    ::kill(-job, SIGCONT);
  }
  return exit_failed;
}

int act(const Words& words) {
  static const std::map<std::string, std::function<int(const Words&)>> acts = {
      {"run", run},
      {"report", report},
      {"arguments", arguments},
      {"signals", signals},
      {"leave", leave},
      {"die", die},
      {"flee", flee},
      {"exit", leave_with},
      {"stop-itself", stop_itself},
      {"shell", shell},
      {"close-stdout", close_stdout}};
  return acts.at(words.at(0))(Words(words.begin() + 1, words.end()));
}

}  // namespace
}  // namespace standin::cli

int main(int argc, char** argv) { return standin::cli::act({argv + 1, argv + argc}); }
