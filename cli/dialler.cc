#include "cli/dialler.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "cli/error.h"
#include "cli/passed_descriptor.h"

namespace standin::cli {
namespace {

struct Request {
  sockaddr_storage address{};
  socklen_t length = 0;
};

[[noreturn]] void dial_for(pid_t broker, int channel) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != broker) ::_exit(0);
  // Ctrl-C is the command's; and no end of the command's pipes is to stay open here.
  ::setsid();
  for (int number = STDIN_FILENO; number <= STDERR_FILENO; ++number) ::close(number);
  Request request;
  vault::Descriptor socket;
  while (receive_with_descriptor(channel, std::as_writable_bytes(std::span(&request, 1)), socket)) {
    const auto* address = reinterpret_cast<const sockaddr*>(&request.address);
    const int error = ::connect(socket.get(), address, request.length) == 0 ? 0 : errno;
    socket.close();
    if (!send_with_descriptor(channel, std::as_bytes(std::span(&error, 1)), -1)) break;
  }
  ::_exit(0);
}

}  // namespace

Dialler Dialler::fork(const std::function<void()>& forget) {
  std::array<int, 2> ends{};
  const bool has_channel = ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0;
  const pid_t broker = ::getpid();
  const pid_t pid = has_channel ? ::fork() : -1;
  if (pid < 0) {
    throw Error(Error::Kind::environment,
                "cannot make the process that connects: " + std::generic_category().message(errno),
                "too many processes or open files; see 'ulimit -u' and 'ulimit -n'");
  }
  vault::Descriptor ours(ends[0]);
  vault::Descriptor theirs(ends[1]);
  if (pid == 0) {
    ours.close();
    forget();
    dial_for(broker, theirs.get());
  }
  return {pid, std::move(ours)};
}

int Dialler::connect(int socket, const sockaddr* address, socklen_t length) const noexcept {
  Request request;
  request.length = std::min<socklen_t>(length, sizeof request.address);
  std::memcpy(&request.address, address, request.length);
  int error = 0;
  vault::Descriptor none;
  if (!send_with_descriptor(channel_.get(), std::as_bytes(std::span(&request, 1)), socket) ||
      !receive_with_descriptor(channel_.get(), std::as_writable_bytes(std::span(&error, 1)), none))
    return ENETDOWN;  // the run is ending
  return error;
}

void Dialler::give_up() noexcept {
  if (!channel_.is_open()) return;
  channel_.close();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace standin::cli
