// What a client under kernel capture does and finds, for the tests of it: `connect_probe VERB [WORD…]`. Each
// verb prints what came of it, a line each; whoever answers a connection says where it was meant to go.

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

using Words = std::vector<std::string>;

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] int family() const { return storage.ss_family; }
};

Address address_of(const std::string& host, int port) {
  Address address;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(static_cast<in_port_t>(port));
    std::memcpy(&address.storage, &v4, address.length = sizeof v4);
  } else {
    ::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(static_cast<in_port_t>(port));
    std::memcpy(&address.storage, &v6, address.length = sizeof v6);
  }
  return address;
}

Address address_of(const Words& words, std::size_t at = 0) {
  return address_of(words.at(at), std::stoi(words.at(at + 1)));
}

std::string name_of(int error) { return error == 0 ? "0" : ::strerrorname_np(error); }

int connect_errno(int socket, const Address& to) {
  return ::connect(socket, to.get(), to.length) == 0 ? 0 : errno;
}

/// Until the answer ends; what went wrong where it is not one.
std::string answer_from(int socket) {
  std::string text;
  char buffer[256];
  for (;;) {
    const ssize_t n = ::read(socket, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return "(" + name_of(errno) + ")";
    if (n == 0) return text.substr(0, text.find('\n'));
    text.append(buffer, static_cast<std::size_t>(n));
  }
}

int error_of(int socket) {
  int error = -1;
  socklen_t length = sizeof error;
  ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length);
  return error;
}

void say(const std::string& line) {
  const std::string text = line + "\n";
  if (::write(STDOUT_FILENO, text.data(), text.size()) < 0) ::_exit(90);
}

int stream_for(const Address& to, int flags = 0) { return ::socket(to.family(), SOCK_STREAM | flags, 0); }

/// "HOST PORT": blocking, the plainest client there is.
std::string visit(const Address& to) {
  const int socket = stream_for(to);
  const int error = connect_errno(socket, to);
  std::string result = error == 0 ? answer_from(socket) : name_of(error);
  ::close(socket);
  return result;
}

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

/// A thread flips the address while the kernel asks: "BAIT PORT TARGET PORT ROUNDS". None may reach the
/// target.
int race(const Words& words) {
  const Address bait = address_of(words, 0);
  const Address target = address_of(words, 2);
  Address shared = bait;
  std::atomic<bool> stop{false};
  std::thread flipper([&] {
    while (!stop) {
      std::memcpy(&shared.storage, &target.storage, sizeof(sockaddr_in));
      std::memcpy(&shared.storage, &bait.storage, sizeof(sockaddr_in));
    }
  });
  std::map<std::string, int> answers;
  for (int i = std::stoi(words.at(4)); i > 0; --i) {
    const int socket = stream_for(bait);
    const int error = connect_errno(socket, shared);
    ++answers[error == 0 ? answer_from(socket) : name_of(error)];
    ::close(socket);
  }
  stop = true;
  flipper.join();
  for (const auto& [answer, count] : answers) say(answer);
  return 0;
}

/// "THREADS EACH MODE": every connection has a destination of its own.
int many(const Words& words) {
  const int threads = std::stoi(words.at(0));
  const int each = std::stoi(words.at(1));
  const bool blocks = words.at(2) == "blocking";
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  std::atomic<int> right{0}, wrong{0}, failed{0};
  const auto one = [&](int id) {
    const std::string host =
        "203.0." + std::to_string(100 + id / 250 % 100) + "." + std::to_string(1 + id % 250);
    const int port = id % 2 == 0 ? 443 : 80;
    const Address to = address_of(host, port);
    const int socket = stream_for(to, blocks ? 0 : SOCK_NONBLOCK);
    int error = connect_errno(socket, to);
    if (!blocks && error == EINPROGRESS) {
      pollfd line{socket, POLLOUT, 0};
      ::poll(&line, 1, 60000);
      error = error_of(socket);
      ::fcntl(socket, F_SETFL, 0);
    }
    if (error != 0) {
      ++failed;
    } else {
      ++(answer_from(socket) == host + ":" + std::to_string(port) ? right : wrong);
    }
    ::close(socket);
  };
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t) {
    all.emplace_back([&, t] {
      for (int i = 0; i < each; ++i) one(t * each + i);
    });
  }
  for (auto& thread : all) thread.join();
  say("right " + std::to_string(right) + " wrong " + std::to_string(wrong) + " failed " +
      std::to_string(failed));
  return 0;
}

std::atomic<long> signals_seen{0};

/// "HOST PORT ROUNDS restart|interrupt MICROSECONDS": connects under a rain of signals.
int signals(const Words& words) {
  const Address to = address_of(words);
  const bool restart = words.at(3) == "restart";
  const auto pause = static_cast<useconds_t>(std::stoi(words.at(4)));
  struct sigaction action {};
  action.sa_handler = [](int) { ++signals_seen; };
  action.sa_flags = restart ? SA_RESTART : 0;
  ::sigaction(SIGUSR1, &action, nullptr);
  const pthread_t target = ::pthread_self();
  std::atomic<bool> stop{false};
  std::thread rain([&] {
    while (!stop) {
      ::pthread_kill(target, SIGUSR1);
      ::usleep(pause);
    }
  });
  std::map<std::string, int> answers;
  for (int i = std::stoi(words.at(2)); i > 0; --i) {
    const int socket = stream_for(to);
    int error = connect_errno(socket, to);
    while (error == EINTR) error = connect_errno(socket, to);
    ++answers[error == 0 ? answer_from(socket) : name_of(error)];
    ::close(socket);
  }
  stop = true;
  rain.join();
  say(signals_seen > 0 ? "signals came" : "no signal came");
  for (const auto& [answer, count] : answers) say(answer + " x" + std::to_string(count));
  return 0;
}

/// The ways a process tree grows, the last a daemon that has left its parents.
int tree(const Words& words) {
  const Address to = address_of(words);
  const auto child = [](const std::function<void()>& work) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      work();
      ::_exit(0);
    }
    ::waitpid(pid, nullptr, 0);
  };
  child([&] { say("fork " + visit(to)); });
  std::thread([&] { say("thread " + visit(to)); }).join();
  child([&] {
    ::execl("/proc/self/exe", "connect_probe", "visit", words[0].c_str(), words[1].c_str(), nullptr);
  });
  int gone[2];
  if (::pipe(gone) != 0) return 91;
  child([&] {
    ::setsid();
    if (::fork() != 0) return;
    char byte = 0;
    ::close(gone[1]);
    while (::read(gone[0], &byte, 1) < 0) {
    }  // until its parents have gone
    say("daemon " + visit(to));
  });
  ::close(gone[1]);
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) < 0) {
  }
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

int main(int argc, char** argv) {
  const Words words(argv + 1, argv + argc);
  return verbs.at(words.at(0))(Words(words.begin() + 1, words.end()));
}
