// What a client under kernel capture does and finds, for the tests of it: `connect_probe VERB [WORD…]`. Each
// verb prints what came of it, a line each; whoever answers a connection says where it was meant to go.

#include "tests/cli/connect_probe.h"

#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>

#include <map>

namespace standin::cli::test {
namespace {

int visit_each(const Words& words) {
  for (std::size_t i = 0; i + 1 < words.size(); i += 2) say(visit(address_of(words, i)));
  return 0;
}

int non_blocking(const Words& words) {
  const Address to = address_of(words);
  const int socket = stream_for(to, SOCK_NONBLOCK);
  say("first " + name_of(connect_errno(socket, to)));
  pollfd line{socket, POLLOUT, 0};
  ::poll(&line, 1, 10000);
  say("pending error " + name_of(error_of(socket)));
  say("second " + name_of(connect_errno(socket, to)));
  say("third " + name_of(connect_errno(socket, to)));
  say((::fcntl(socket, F_GETFL) & O_NONBLOCK) != 0 ? "still non-blocking" : "flag lost");
  ::fcntl(socket, F_SETFL, 0);
  say(answer_from(socket));
  return 0;
}

/// Options that a client sets before it connects, and a duplicate, must be of the socket that is connected.
int keeps_its_socket(const Words& words) {
  const Address to = address_of(words);
  const int socket = stream_for(to);
  const timeval patience{7, 0};
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const int duplicate = ::dup(socket);
  say("connect " + name_of(connect_errno(socket, to)));
  say("again " + name_of(connect_errno(socket, to)));
  timeval kept{};
  socklen_t length = sizeof kept;
  ::getsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &kept, &length);
  int delay = 0;
  length = sizeof delay;
  ::getsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &delay, &length);
  say("send time-out " + std::to_string(kept.tv_sec) + " s, no delay " + std::to_string(delay));
  say(answer_from(duplicate));
  return 0;
}

/// As Boost.Asio and nginx do it: the socket is watched before it is connected.
int watched_before(const Words& words) {
  const Address to = address_of(words);
  const int socket = stream_for(to, SOCK_NONBLOCK);
  const int epoll = ::epoll_create1(0);
  epoll_event event{EPOLLIN | EPOLLOUT | EPOLLET, {}};
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event);
  ::epoll_wait(epoll, &event, 1, 0);  // an unconnected socket hangs up at once: that is no news
  say(name_of(connect_errno(socket, to)));
  const int count = ::epoll_wait(epoll, &event, 1, 10000);
  say(count == 1 && (event.events & EPOLLOUT) != 0 ? "told" : "not told");
  ::fcntl(socket, F_SETFL, 0);
  say(answer_from(socket));
  return 0;
}

int bad_arguments(const Words& words) {
  const Address to = address_of(words);
  const int socket = stream_for(to);
  const int file = ::open("/dev/null", O_RDONLY);
  const auto call = [](int s, const void* address, socklen_t length) {
    return name_of(::connect(s, static_cast<const sockaddr*>(address), length) == 0 ? 0 : errno);
  };
  say("no such descriptor " + call(999, to.get(), to.length));
  say("no such memory " + call(socket, reinterpret_cast<void*>(8), to.length));
  say("too short " + call(socket, to.get(), 3));
  say("far too long " + call(socket, to.get(), 4096));
  say("no socket " + call(file, to.get(), to.length));
  Address other = to;
  other.storage.ss_family = AF_INET6;
  say("another family " + call(socket, other.get(), sizeof(sockaddr_in6)));
  other.storage.ss_family = AF_UNSPEC;
  say("no family " + call(socket, other.get(), other.length));
  say("and then " + visit(to));
  return 0;
}

int other_families(const Words&) {
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  std::strcpy(local.sun_path, "/nonexistent/socket");
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  const bool done = ::connect(socket, reinterpret_cast<const sockaddr*>(&local), sizeof local) == 0;
  say("unix " + name_of(done ? 0 : errno));
  return 0;
}

/// What would connect around connect().
int ways_around(const Words& words) {
  const Address to = address_of(words);
  const auto result = [](long value) { return name_of(value < 0 ? errno : 0); };
  char text[] = "x";
  iovec part{text, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_name = const_cast<sockaddr*>(to.get());
  message.msg_namelen = to.length;
  mmsghdr messages{message, 0};
  constexpr int fast = MSG_FASTOPEN | MSG_NOSIGNAL;
  say("sendto " + result(::sendto(stream_for(to), text, 1, fast, to.get(), to.length)));
  say("sendmsg " + result(::sendmsg(stream_for(to), &message, fast)));
  say("sendmmsg " + result(::sendmmsg(stream_for(to), &messages, 1, fast)));
  char parameters[256]{};
  say("io_uring " + result(::syscall(SYS_io_uring_setup, 8, parameters)));
  say("mptcp " + result(::socket(AF_INET, SOCK_STREAM, 262)));
#if defined(__x86_64__)
  say("x32 " + result(::syscall(0x40000000 | 42, stream_for(to), to.get(), to.length)));
  long answer = 0;  // the i386 ABI, from a 64-bit process: connect is 362 there
  asm volatile("int $0x80"
               : "=a"(answer)
               : "a"(362L), "b"(0L), "c"(0L), "d"(16L)
               : "memory", "r8", "r9", "r10", "r11");
  say("i386 " + name_of(answer < 0 ? static_cast<int>(-answer) : 0));
#endif
  return 0;
}

int datagrams(const Words& words) {
  const Address to = address_of(words);
  const int socket = ::socket(to.family(), SOCK_DGRAM, 0);
  say("connect " + name_of(connect_errno(socket, to)));
  say("send " + name_of(::send(socket, "x", 1, MSG_NOSIGNAL) < 0 ? errno : 0));
  return 0;
}

int peer(const Words& words) {
  const Address to = address_of(words);
  const int socket = stream_for(to);
  connect_errno(socket, to);
  sockaddr_in other{};
  socklen_t length = sizeof other;
  ::getpeername(socket, reinterpret_cast<sockaddr*>(&other), &length);
  char text[INET_ADDRSTRLEN];
  say(::inet_ntop(AF_INET, &other.sin_addr, text, sizeof text));
  return 0;
}

/// Makes itself unreadable first, as ssh-agent does.
int closed(const Words& words) {
  ::prctl(PR_SET_DUMPABLE, 0);
  return visit_each(words);
}

int elsewhere(const Words& words) {
  const Address to = address_of(words);
  if (::unshare(CLONE_NEWNET) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return 92;
  say(name_of(connect_errno(stream_for(to), to)));
  return 0;
}

int on_device(const Words& words) {
  const Address to = address_of(words);
  const int socket = stream_for(to, SOCK_NONBLOCK);
  const int set = ::setsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3);
  say("bind " + name_of(set == 0 ? 0 : errno));
  const int error = connect_errno(socket, to);
  pollfd line{socket, POLLOUT, 0};
  ::poll(&line, 1, 10000);
  ::fcntl(socket, F_SETFL, 0);
  say(error == 0 || error == EINPROGRESS ? answer_from(socket) : name_of(error));
  return 0;
}

int bound_first(const Words& words) {
  const Address to = address_of(words);
  const Address own = address_of(words.at(2), 0);
  const int socket = stream_for(to);
  say("bind " + name_of(::bind(socket, own.get(), own.length) == 0 ? 0 : errno));
  const int error = connect_errno(socket, to);
  say(error == 0 ? answer_from(socket) : name_of(error));
  return 0;
}

int v6_only(const Words& words) {
  const Address to = address_of(words);
  const int socket = stream_for(to);
  const int on = 1;
  ::setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  const int error = connect_errno(socket, to);
  say(error == 0 ? answer_from(socket) : name_of(error));
  return 0;
}

/// A connect that its own time-out ends: "HOST PORT MILLISECONDS".
int impatient(const Words& words) {
  const Address to = address_of(words);
  const int socket = stream_for(to);
  const timeval patience{0, std::stol(words.at(2)) * 1000};
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  say(name_of(connect_errno(socket, to)));
  return 0;
}

/// One thread waits in connect() for nobody to answer; the process is killed meanwhile by its reader.
int waits(const Words& words) {
  say("waiting");
  return visit_each(words);
}

const std::map<std::string, int (*)(const Words&)> verbs{{"visit", visit_each},
                                                         {"non-blocking", non_blocking},
                                                         {"keeps", keeps_its_socket},
                                                         {"watched", watched_before},
                                                         {"bad", bad_arguments},
                                                         {"families", other_families},
                                                         {"around", ways_around},
                                                         {"datagrams", datagrams},
                                                         {"peer", peer},
                                                         {"race", race},
                                                         {"many", many},
                                                         {"signals", signals},
                                                         {"tree", tree},
                                                         {"closed", closed},
                                                         {"elsewhere", elsewhere},
                                                         {"device", on_device},
                                                         {"bound", bound_first},
                                                         {"v6only", v6_only},
                                                         {"impatient", impatient},
                                                         {"waits", waits}};

}  // namespace
}  // namespace standin::cli::test

int main(int argc, char** argv) {
  using namespace standin::cli::test;
  const Words words(argv + 1, argv + argc);
  return verbs.at(words.at(0))(Words(words.begin() + 1, words.end()));
}
