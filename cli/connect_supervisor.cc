#include "cli/connect_supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <thread>

#include "cli/child_socket.h"
#include "cli/connect_attempt.h"
#include "cli/connect_filter.h"
#include "cli/error.h"

namespace standin::cli {
namespace {

using broker::ConnectWay;
using proxy::Endpoint;
using Clock = ParkedConnects::Clock;

// HTTP and TLS are expected there, whose clients speak first: what is meant can be read off what they say. A
// protocol in which the server speaks first (SSH, SMTP, MySQL) must never wait for its client to begin.
constexpr std::array<std::uint16_t, 4> web_ports{443, 80, 8443, 8080};
constexpr std::uint16_t quic_port = 443;

int connect_errno(int socket, const proxy::SocketAddress& address) noexcept {
  return ::connect(socket, address.get(), address.length) == 0 ? 0 : errno;
}

bool is_under_way(int error) noexcept { return error == EINPROGRESS || error == EALREADY; }

proxy::Refusal unreadable() {
  return {403, "capture_denied", "a process of the command does not let standin see where it connects to",
          "it has closed its memory (PR_SET_DUMPABLE 0) or runs as another user; '--capture env' leaves it "
          "alone"};
}

}  // namespace

struct ConnectSupervisor::Impl {
  Impl(SupervisorOptions o, proxy::Redirection& d, broker::Broker& b)
      : options(std::move(o)), calls(std::move(options.listener)), door(d), broker(b) {}

  void run();
  void wait_for_events();
  void answer_calls();
  void on_call(const TrappedConnect& call);
  void on_duplicate(ConnectAttempt attempt);
  void on_internet_socket(ConnectAttempt attempt, const SocketKind& kind);
  void on_replaceable(const TrappedConnect& call);
  void connect_datagram(const ConnectAttempt& attempt);
  /// The door speaks TCP, and so must who is led there.
  enum class May : std::uint8_t { be_redirected, go_directly };
  void begin(ConnectAttempt attempt, May may);
  int connect_now(const ConnectAttempt& attempt);
  void settle(ConnectAttempt attempt, int error);
  void on_writable(int socket);
  int put_in_place(const ConnectAttempt& attempt);
  void answer(const ConnectAttempt& attempt, int error);
  void fail(const TrappedConnect& call, int error);

  SupervisorOptions options;
  TrappedConnects calls;
  proxy::Redirection& door;
  broker::Broker& broker;
  LostAnswers lost;
  const Waiting waiting = waiting_here();
  std::set<std::uint64_t> placed;  // inodes of sockets that replaced the child's
  // By hand, because Asio sets O_NONBLOCK on whatever it watches: the child would see it on its sockets.
  vault::Descriptor epoll{::epoll_create1(EPOLL_CLOEXEC)};
  ParkedConnects parked{epoll.get()};
  vault::Descriptor stop_event{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  bool has_ended = false;  // no process is under the filter any more
  bool stopping = false;
  std::thread thread;
};

namespace {

ConnectWay way_to(const Endpoint& to, const SupervisorOptions& options) {
  const bool is_bound = options.bound_ports.contains(to.port);
  if (to.address.is_loopback()) {
    return is_bound && to.port != options.proxy_port ? ConnectWay::redirected : ConnectWay::direct;
  }
  const bool is_web = std::ranges::find(web_ports, to.port) != web_ports.end();
  return is_bound || is_web ? ConnectWay::redirected : ConnectWay::direct;
}

/// The redirected connection would succeed whatever the network is: a client that tries IPv6 first must learn
/// that there is none. 0 or errno.
int lack_of_route(const Endpoint& to, const SupervisorOptions& options) {
  return to.address.is_loopback() || options.is_behind_proxy ? 0 : route_to(to);
}

}  // namespace

void ConnectSupervisor::Impl::run() {
  while (!stopping) {
    wait_for_events();
    const auto now = Clock::now();
    while (auto attempt = parked.take_impatient(now)) answer(*attempt, EINPROGRESS);
    parked.forget_gone(calls, now);
  }
}

void ConnectSupervisor::Impl::wait_for_events() {
  int timeout = -1;
  if (!parked.empty()) {
    const auto now = Clock::now();
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(parked.next_look(now) - now).count();
    timeout = static_cast<int>(std::max<decltype(left)>(left, 0));
  }
  std::array<epoll_event, 64> events{};
  const int count = ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), timeout);
  for (int i = 0; i < count; ++i) {
    const int descriptor = events[static_cast<std::size_t>(i)].data.fd;
    if (descriptor == stop_event.get()) {
      stopping = true;
    } else if (descriptor == calls.descriptor()) {
      answer_calls();
    } else {
      on_writable(descriptor);
    }
  }
}

void ConnectSupervisor::Impl::answer_calls() {
  for (;;) {
    TrappedConnect call;
    const auto news = calls.receive(call);
    if (news == TrappedConnects::News::call) {
      try {
        on_call(call);
      } catch (const std::exception&) {
        calls.answer(call.id, ENOMEM);
      }
      continue;
    }
    if (news == TrappedConnects::News::ended && !std::exchange(has_ended, true))
      ::epoll_ctl(epoll.get(), EPOLL_CTL_DEL, calls.descriptor(), nullptr);
    return;
  }
}

void ConnectSupervisor::Impl::on_call(const TrappedConnect& call) {
  if (options.access == SocketAccess::replaced) return on_replaceable(call);
  ConnectAttempt attempt{.call = call, .socket = {}, .address = {}, .door = {}, .replaces = {}};
  const Caller caller(call);
  int error = caller.take_socket(attempt.socket);  // in the kernel's order: EBADF comes before EFAULT
  if (error == 0) error = caller.read_address(attempt.address);
  // Only now is it certain that what was read is of the caller, and not of another by its number.
  if (!calls.is_waiting(call.id)) return;
  if (error != 0) return fail(call, error);
  on_duplicate(std::move(attempt));
}

void ConnectSupervisor::Impl::on_duplicate(ConnectAttempt attempt) {
  const int socket = attempt.socket.get();
  const auto kind = SocketKind::of(socket);
  if (!kind) return fail(attempt.call, ENOTSOCK);
  if (!kind->is_internet()) return calls.leave_to_kernel(attempt.call.id);
  if (const char* tie = tie_elsewhere(socket)) {
    const auto to = destination_of(attempt.address);
    if (to && !kind->is_datagram()) broker.on_uncaptured(*to, tie);
    return calls.leave_to_kernel(attempt.call.id);
  }
  attempt.waits = is_blocking(socket);
  on_internet_socket(std::move(attempt), *kind);
}

void ConnectSupervisor::Impl::on_internet_socket(ConnectAttempt attempt, const SocketKind& kind) {
  if (kind.type != SOCK_STREAM) return connect_datagram(attempt);
  if (kind.is_tcp() && !proxy::Redirection::is_unused(attempt.socket.get())) {
    if (const auto error = lost.take(cookie_of(attempt.socket.get()))) return answer(attempt, *error);
  } else if (attempt.address.storage.ss_family == kind.domain) {
    return begin(std::move(attempt), kind.is_tcp() ? May::be_redirected : May::go_directly);
  }
  // Asked again how it went, or nothing that leads anywhere (AF_UNSPEC, another family): the kernel's own
  // answer.
  const int error = connect_now(attempt);
  settle(std::move(attempt), error);
}

/// Not judged: resolvers connect datagram sockets to learn which source address they would have, and send
/// nothing. But QUIC would go by all that is done here: it is to find that it can't send, and take TCP. A
/// refused connect would have resolvers sort the address last.
void ConnectSupervisor::Impl::connect_datagram(const ConnectAttempt& attempt) {
  const int error = connect_errno(attempt.socket.get(), attempt.address);
  const auto to = destination_of(attempt.address);
  if (error == 0 && to && to->port == quic_port && !to->address.is_loopback())
    ::shutdown(attempt.socket.get(), SHUT_WR);
  answer(attempt, error);
}

/// A socket that was never connected, towards an address of its own family.
void ConnectSupervisor::Impl::begin(ConnectAttempt attempt, May may) {
  if (const auto to = destination_of(attempt.address)) {
    const ConnectWay way = may == May::be_redirected ? way_to(*to, options) : ConnectWay::direct;
    if (broker.check_connect(*to, way)) return answer(attempt, EACCES);
    if (way == ConnectWay::redirected) {
      if (const int error = lack_of_route(*to, options); error != 0) return answer(attempt, error);
      attempt.door = to;
    }
  }
  const int error = connect_now(attempt);
  settle(std::move(attempt), error);
}

int ConnectSupervisor::Impl::connect_now(const ConnectAttempt& attempt) {
  const int socket = attempt.socket.get();
  const auto connect = [&] {
    return attempt.door ? door.connect(socket, *attempt.door) : connect_errno(socket, attempt.address);
  };
  return connect_without_waiting(socket, connect);
}

void ConnectSupervisor::Impl::settle(ConnectAttempt attempt, int error) {
  if (attempt.waits && is_under_way(error)) return parked.park(std::move(attempt));
  if (attempt.replaces && (error == 0 || error == EINPROGRESS)) {
    if (const int fault = put_in_place(attempt); fault != 0) error = fault;
  }
  answer(attempt, error);
}

void ConnectSupervisor::Impl::on_writable(int socket) {
  auto attempt = parked.take(socket);
  if (!attempt) return;
  // Asking again is how one learns it, and has the socket note that it was told.
  attempt->door.reset();
  const int error = connect_now(*attempt);
  settle(std::move(*attempt), error == EISCONN ? 0 : error);
}

/// Where duplicates are denied: the socket is known by what /proc says of it, and another takes its place.
void ConnectSupervisor::Impl::on_replaceable(const TrappedConnect& call) {
  ConnectAttempt attempt{.call = call, .socket = {}, .address = {}, .door = {}, .replaces = {}};
  const Caller caller(call);
  Caller::SocketFacts facts;
  int error = caller.look_at_socket(facts);
  if (error == 0) error = caller.read_address(attempt.address);
  if (!calls.is_waiting(call.id)) return;
  if (error == 0 && facts.protocol.empty()) error = ENOTSOCK;
  if (error == 0 && placed.contains(facts.inode)) error = EISCONN;
  if (error != 0) return fail(call, error);
  const int domain = facts.protocol == "TCP" ? AF_INET : facts.protocol == "TCPv6" ? AF_INET6 : AF_UNSPEC;
  if (domain == AF_UNSPEC || attempt.address.storage.ss_family != domain)
    return calls.leave_to_kernel(call.id);
  attempt.socket = vault::Descriptor(::socket(domain, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!attempt.socket.is_open()) return fail(call, errno);
  attempt.replaces = facts.flags;
  attempt.waits = (facts.flags & O_NONBLOCK) == 0;
  begin(std::move(attempt), May::be_redirected);
}

int ConnectSupervisor::Impl::put_in_place(const ConnectAttempt& attempt) {
  constexpr std::size_t most_remembered = 65536;
  const int socket = attempt.socket.get();
  ::fcntl(socket, F_SETFL, *attempt.replaces & O_NONBLOCK);
  const int error = calls.replace_socket(attempt.call, socket, *attempt.replaces & O_CLOEXEC);
  if (error != 0) return error;
  if (placed.size() == most_remembered) placed.erase(placed.begin());  // the longest there: inodes count up
  placed.insert(inode_of(socket));
  return 0;
}

void ConnectSupervisor::Impl::answer(const ConnectAttempt& attempt, int error) {
  // An answer that was sent may still find its caller interrupted in that moment: it will ask again.
  const bool may_be_lost = attempt.waits && waiting == Waiting::interruptible;
  if (!calls.answer(attempt.call.id, error) || may_be_lost) lost.keep(cookie_of(attempt.socket.get()), error);
}

void ConnectSupervisor::Impl::fail(const TrappedConnect& call, int error) {
  if (error == EPERM || error == EACCES) {
    broker.on_unreadable(unreadable());
    error = EACCES;
  } else if (error == EMFILE || error == ENFILE) {
    error = ENOBUFS;  // ours are used up, not the child's
  }
  calls.answer(call.id, error);
}

ConnectSupervisor::ConnectSupervisor(SupervisorOptions options, proxy::Redirection& door,
                                     broker::Broker& broker)
    : impl_(std::make_unique<Impl>(std::move(options), door, broker)) {
  for (const int descriptor : {impl_->calls.descriptor(), impl_->stop_event.get()}) {
    epoll_event event{EPOLLIN, {}};
    event.data.fd = descriptor;
    if (::epoll_ctl(impl_->epoll.get(), EPOLL_CTL_ADD, descriptor, &event) != 0) {
      throw Error(Error::Kind::environment,
                  "cannot watch the child's connects: " + std::generic_category().message(errno));
    }
  }
}

ConnectSupervisor::~ConnectSupervisor() { stop(); }

void ConnectSupervisor::start() {
  sigset_t all;  // signals are the main thread's
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void ConnectSupervisor::stop() noexcept {
  if (!impl_->thread.joinable()) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(impl_->stop_event.get(), &one, sizeof one);
  impl_->thread.join();
}

}  // namespace standin::cli
