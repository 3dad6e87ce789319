#include "cli/child_process.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <system_error>
#include <vector>

#include "cli/error.h"
#include "cli/exit_status.h"
#include "cli/messages.h"
#include "cli/passed_descriptor.h"

namespace standin::cli {
namespace {

/// On the channel a command is this, its arguments and then its variables, each ended by NUL: neither can
/// contain one.
struct CommandHead {
  std::uint64_t arguments = 0;
  std::uint64_t variables = 0;
  std::uint64_t bytes = 0;
};

[[noreturn]] void fail(const char* what) {
  throw Error(Error::Kind::environment, std::string(what) + ": " + std::generic_category().message(errno),
              "too many processes or open files; see 'ulimit -u' and 'ulimit -n'");
}

bool send_all(int channel, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(channel, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool receive_all(int channel, void* to, std::size_t size) {
  std::size_t got = 0;
  while (got < size) {
    const ssize_t n = ::recv(channel, static_cast<char*>(to) + got, size - got, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    got += static_cast<std::size_t>(n);
  }
  return true;
}

std::vector<char*> strings_of(char*& next, std::uint64_t count) {
  std::vector<char*> strings;
  strings.reserve(count + 1);
  for (std::uint64_t i = 0; i < count; ++i) {
    strings.push_back(next);
    next += std::strlen(next) + 1;
  }
  strings.push_back(nullptr);
  return strings;
}

/// The listener goes as a descriptor in a message, which the filter lets pass (it asks about connect()
/// alone): it needs neither pidfd_getfd(), which Docker's profile denies, nor a call that nobody answers yet.
void hand_over(int channel, const InstalledFilter& filter) {
  send_with_descriptor(channel, std::as_bytes(std::span(&filter.error, 1)), filter.listener.get());
}

[[noreturn]] void become_the_command(int channel, pid_t broker, const Inheritance& start,
                                     WaitingChild::Filter filter) {
  // SIGKILL, because a child without its broker holds stand-ins that nobody swaps any more, and must not be
  // able to decline. A broker that died before the call is told by the changed parent.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != broker) ::_exit(exit_run_failed);
  if (filter == WaitingChild::Filter::installed) hand_over(channel, install_connect_filter());

  CommandHead head;
  if (!receive_all(channel, &head, sizeof head)) ::_exit(exit_run_failed);
  std::vector<char> text(head.bytes);
  if (!receive_all(channel, text.data(), text.size())) ::_exit(exit_run_failed);
  char* next = text.data();
  const std::vector<char*> arguments = strings_of(next, head.arguments);
  const std::vector<char*> variables = strings_of(next, head.variables);

  start.restore_signals();
  ::execvpe(arguments.front(), arguments.data(), variables.data());
  const int reason = errno;
  send_all(channel, {reinterpret_cast<const char*>(&reason), sizeof reason});
  ::_exit(exit_not_found);
}

bool is_there(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

}  // namespace

int ExecFailure::exit_status() const noexcept {
  return reason == ENOENT ? exit_not_found : exit_not_executable;
}

std::string ExecFailure::message() const {
  return "cannot run " + in_quotes(command) + ": " + std::generic_category().message(reason);
}

std::string ExecFailure::hint() const {
  const bool is_path = command.find('/') != std::string::npos;
  switch (reason) {
    case ENOENT:
      if (!is_path) return "no folder of PATH has it: check the spelling, or give the whole path";
      if (is_there(command))
        return "the file is there, but the interpreter that it names (#! line, or ELF loader) is not";
      return "check the path; a relative one is looked for in the current folder";
    case EACCES:
      return is_path
                 ? "it is not executable (chmod +x), is a folder, or lies in a folder that may not be entered"
                 : "PATH has it, but it is not executable there (chmod +x)";
    case E2BIG:
      return "arguments and environment together are longer than the system allows ('getconf ARG_MAX', "
             "'ulimit -s')";
    case ENOEXEC:
      return "it is not a program for this machine";
    default:
      return {};
  }
}

WaitingChild WaitingChild::fork(const Inheritance& start, const std::function<void()>& forget,
                                Filter filter) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    fail("cannot make the child's channel");
  vault::Descriptor ours(ends[0]);
  vault::Descriptor theirs(ends[1]);
  const pid_t broker = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) fail("cannot fork the child");
  if (pid == 0) {
    ours.close();
    forget();
    become_the_command(theirs.get(), broker, start, filter);
  }
  return {pid, std::move(ours)};
}

InstalledFilter WaitingChild::take_listener() {
  InstalledFilter filter;
  const auto text = std::as_writable_bytes(std::span(&filter.error, 1));
  if (!receive_with_descriptor(channel_.get(), text, filter.listener))
    return {{}, ESRCH};  // a signal ended it
  return filter;
}

void WaitingChild::give_up() noexcept {
  channel_.close();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void WaitingChild::exec(std::span<const std::string> command,
                        std::span<const std::pair<std::string, std::string>> environment) {
  // c_str(): what follows a NUL can't be passed to a program, and would shift what comes after.
  std::string text;
  for (const std::string& argument : command) text.append(argument.c_str()).push_back('\0');
  for (const auto& [name, value] : environment) {
    text.append(name.c_str()).append("=").append(value.c_str()).push_back('\0');
  }
  const CommandHead head{command.size(), environment.size(), text.size()};
  // A child that a signal has ended takes nothing; outcome() then sees the end of the channel.
  if (send_all(channel_.get(), {reinterpret_cast<const char*>(&head), sizeof head}))
    send_all(channel_.get(), text);
}

std::optional<int> WaitingChild::outcome() {
  // Success closes the child's end (close-on-exec), failure sends the reason.
  int reason = 0;
  const bool failed = receive_all(channel_.get(), &reason, sizeof reason);
  channel_.close();
  return failed ? std::optional(reason) : std::nullopt;
}

}  // namespace standin::cli
