#include "proxy/happy_eyeballs.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <memory>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace standin::proxy {

namespace {

constexpr std::chrono::milliseconds attempt_delay{250};

asio::ip::tcp::endpoint endpoint_of(const IpAddress& address, std::uint16_t port) {
  if (address.is_v4()) {
    asio::ip::address_v4::bytes_type bytes{};
    std::copy_n(address.bytes.begin() + 12, 4, bytes.begin());
    return {asio::ip::address_v4(bytes), port};
  }
  return {asio::ip::address_v6(address.bytes), port};
}

std::string reason_of(const boost::system::error_code& error) {
  std::string text = error.message();
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

/// An answer may take ten minutes of silence, and routers forget sooner. Clients that know so ask for
/// keep-alive on their own socket, which ends here: this is the one that needs it.
void keep_alive(int fd) {
  constexpr int on = 1;
  constexpr int seconds = 60;
  constexpr int probes = 5;
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

/// Opened by hand: asio's open() leaves SOCK_CLOEXEC out, and the child must inherit nothing of ours.
boost::system::error_code open_socket(Socket& socket, const asio::ip::tcp& protocol) {
  const int fd = ::socket(protocol.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
  if (fd < 0) return {errno, boost::system::system_category()};
  boost::system::error_code error;
  socket.assign(protocol, fd, error);
  if (error) ::close(fd);
  keep_alive(fd);
  return error;
}

/// Not asio's async_connect(): the call may have to be made by another.
Task<boost::system::error_code> connect_socket(Socket& socket, asio::ip::tcp::endpoint to,
                                               const ConnectCall& call) {
  if (const auto error = open_socket(socket, to.protocol())) co_return error;
  const int fd = socket.native_handle();
  const auto length = static_cast<socklen_t>(to.size());
  int error = 0;
  if (call) {
    error = call(fd, to.data(), length);
  } else if (::connect(fd, to.data(), length) != 0) {
    error = errno;
  }
  if (error == EINPROGRESS) {
    if (auto [wait_error] = co_await socket.async_wait(Socket::wait_write, as_value); wait_error)
      co_return wait_error;
    socklen_t size = sizeof error;
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  }
  co_return boost::system::error_code(error, boost::system::system_category());
}

/// Shared by the attempts and whoever waits for the first of them: an attempt may outlive the race.
struct Race {
  explicit Race(const Executor& executor) : news(executor) {}
  Timer news;  // cancelled when an attempt ends
  std::size_t running = 0;
  std::vector<std::shared_ptr<Socket>> sockets;
  Connected result;
};

Task<void> attempt(std::shared_ptr<Race> race, std::shared_ptr<Socket> socket, asio::ip::tcp::endpoint to,
                   const ConnectCall& call) {
  const auto error = co_await connect_socket(*socket, to, call);
  --race->running;
  if (!error && !race->result.socket) {
    race->result.socket = std::move(*socket);
  } else if (error) {
    race->result.reason = reason_of(error);
  }
  race->news.cancel();
}

}  // namespace

Task<Connected> connect_to_any(std::vector<IpAddress> addresses, std::uint16_t port,
                               const ConnectCall& call) {
  const auto executor = co_await asio::this_coro::executor;
  if (addresses.size() == 1) {  // nearly always, once IPv6 is out of the way: nothing to race
    Socket socket(executor);
    const auto to = endpoint_of(addresses.front(), port);
    const auto error = co_await connect_socket(socket, to, call);
    Connected connected;
    if (error) {
      connected.reason = reason_of(error);
    } else {
      connected.socket = std::move(socket);
    }
    co_return connected;
  }
  auto race = std::make_shared<Race>(executor);
  // Where the waiter is cancelled its attempts must not go on to an address nobody waits for any more.
  struct Stop {
    std::shared_ptr<Race> race;
    ~Stop() {
      boost::system::error_code ignored;
      for (const auto& socket : race->sockets) socket->close(ignored);
    }
  } stop{race};
  auto next = addresses.begin();
  while (!race->result.socket && (next != addresses.end() || race->running > 0)) {
    if (next != addresses.end()) {
      auto socket = std::make_shared<Socket>(executor);
      race->sockets.push_back(socket);
      const std::size_t before = race->running++;
      asio::co_spawn(executor, attempt(race, socket, endpoint_of(*next++, port), call), asio::detached);
      // It began at once, and may have ended at once: no IPv6 here. That was no news to a timer not waited
      // for.
      if (race->running == before) continue;
    }
    race->news.expires_after(next == addresses.end() ? std::chrono::hours(1)
                                                     : Clock::duration(attempt_delay));
    co_await race->news.async_wait(as_value);
    if (const auto state = co_await asio::this_coro::cancellation_state;
        state.cancelled() != asio::cancellation_type::none) {
      break;
    }
  }
  co_return std::move(race->result);
}

}  // namespace standin::proxy
