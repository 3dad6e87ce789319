#include "cli/child_socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <cerrno>
#include <cstddef>

#include "vault/descriptor.h"

namespace standin::cli {
namespace {

template <class T>
bool option_of(int socket, int level, int name, T& value) noexcept {
  socklen_t length = sizeof value;
  return ::getsockopt(socket, level, name, &value, &length) == 0;
}

std::uint64_t network_of(int socket) noexcept {
  std::uint64_t cookie = 0;  // stays 0 before Linux 5.14, for us and for the child
  option_of(socket, SOL_SOCKET, SO_NETNS_COOKIE, cookie);
  return cookie;
}

std::uint64_t own_network() noexcept {
  static const std::uint64_t cookie = [] {
    const vault::Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    return network_of(socket.get());
  }();
  return cookie;
}

/// The oldest form of sockaddr_in6 ends before the scope (RFC 2133), and is taken still.
constexpr socklen_t shortest_in6 = offsetof(sockaddr_in6, sin6_scope_id);

}  // namespace

std::optional<SocketKind> SocketKind::of(int socket) noexcept {
  SocketKind kind;
  if (!option_of(socket, SOL_SOCKET, SO_DOMAIN, kind.domain) ||
      !option_of(socket, SOL_SOCKET, SO_TYPE, kind.type) ||
      !option_of(socket, SOL_SOCKET, SO_PROTOCOL, kind.protocol))
    return std::nullopt;
  return kind;
}

bool SocketKind::is_internet() const noexcept { return domain == AF_INET || domain == AF_INET6; }
bool SocketKind::is_tcp() const noexcept { return type == SOCK_STREAM && protocol == IPPROTO_TCP; }
bool SocketKind::is_datagram() const noexcept { return type == SOCK_DGRAM; }

std::optional<proxy::Endpoint> destination_of(const proxy::SocketAddress& address) noexcept {
  const socklen_t shortest = address.storage.ss_family == AF_INET ? sizeof(sockaddr_in) : shortest_in6;
  if (address.length < shortest) return std::nullopt;
  auto endpoint = address.endpoint();
  if (!endpoint) return std::nullopt;
  if (endpoint->address == proxy::IpAddress::v4(INADDR_ANY)) {
    endpoint->address = proxy::IpAddress::v4(INADDR_LOOPBACK);
  } else if (endpoint->address == proxy::IpAddress{}) {
    endpoint->address = *proxy::IpAddress::parse("::1");
  }
  return endpoint;
}

std::uint64_t cookie_of(int socket) noexcept {
  std::uint64_t cookie = 0;
  option_of(socket, SOL_SOCKET, SO_COOKIE, cookie);
  return cookie;
}

std::uint64_t inode_of(int socket) noexcept {
  struct stat status {};
  return ::fstat(socket, &status) == 0 ? status.st_ino : 0;
}

const char* tie_elsewhere(int socket) noexcept {
  if (network_of(socket) != own_network()) return "other_network";
  int interface = 0;
  if (option_of(socket, SOL_SOCKET, SO_BINDTOIFINDEX, interface) && interface != 0) return "bound_to_device";
  return nullptr;
}

bool is_blocking(int socket) noexcept { return (::fcntl(socket, F_GETFL) & O_NONBLOCK) == 0; }

std::int64_t patience_of(int socket) noexcept {
  timeval limit{};
  option_of(socket, SOL_SOCKET, SO_SNDTIMEO, limit);
  return std::int64_t{limit.tv_sec} * 1'000'000 + limit.tv_usec;
}

int connect_without_waiting(int socket, const std::function<int()>& connect) noexcept {
  if (!is_blocking(socket)) return connect();
  timeval own{};
  option_of(socket, SOL_SOCKET, SO_SNDTIMEO, own);
  constexpr timeval at_once{0, 1};
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &at_once, sizeof at_once);
  const int error = connect();
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &own, sizeof own);
  return error;
}

int route_to(const proxy::Endpoint& endpoint) noexcept {
  const vault::Descriptor probe(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!probe.is_open()) return errno == EAFNOSUPPORT ? ENETUNREACH : 0;
  const auto address = proxy::SocketAddress::v6(endpoint);
  return ::connect(probe.get(), address.get(), address.length) == 0 ? 0 : errno;
}

}  // namespace standin::cli
