#include "proxy/listener.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "proxy/error.h"
#include "proxy/socket_address.h"

namespace standin::proxy {

namespace {

constexpr int backlog = 4096;

/// Only ::1, so that it never takes what 127.0.0.1 is for.
bool is_only_v6(int fd) {
  constexpr int on = 1;
  return ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0;
}

}  // namespace

std::optional<Listener> Listener::open(const Executor& executor, const IpAddress& address) {
  const bool v4 = address.is_v4();
  SocketAddress at = v4 ? SocketAddress::v4({address, 0}) : SocketAddress::v6({address, 0});
  const int fd = ::socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || (!v4 && !is_only_v6(fd)) || ::bind(fd, at.get(), at.length) != 0 ||
      ::listen(fd, backlog) != 0 || ::getsockname(fd, at.get(), &at.length) != 0) {
    const int error = errno;
    if (fd >= 0) ::close(fd);
    if (!v4 && (error == EAFNOSUPPORT || error == EADDRNOTAVAIL)) return std::nullopt;
    throw Error(Error::Kind::listen, "cannot listen on " + address.to_string() + ": " + std::strerror(error),
                "is the loopback interface up?");
  }
  Socket socket(executor);
  socket.assign(v4 ? asio::ip::tcp::v4() : asio::ip::tcp::v6(), fd);
  return Listener(std::move(socket), at.endpoint()->port);
}

Listener::Accepted Listener::accept() noexcept {
  SocketAddress peer;
  const int fd = ::accept4(socket_.native_handle(), peer.get(), &peer.length, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return {-1, errno, {}};
  return {fd, 0, peer.endpoint()};
}

Task<bool> Listener::wait() {
  auto [error] = co_await socket_.async_wait(Socket::wait_read, as_value);
  co_return !error;
}

void Listener::close() noexcept {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void close_with_reset(int descriptor) noexcept {
  const linger at_once{1, 0};
  ::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(descriptor);
}

}  // namespace standin::proxy
