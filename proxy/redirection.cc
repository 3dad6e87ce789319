#include "proxy/redirection.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <iterator>

#include "proxy/socket_address.h"

namespace standin::proxy {
namespace {

std::optional<Endpoint> local_endpoint(int socket) {
  SocketAddress address;
  if (::getsockname(socket, address.get(), &address.length) != 0) return std::nullopt;
  return address.endpoint();
}

int option(int socket, int level, int name) {
  int value = 0;
  socklen_t length = sizeof value;
  return ::getsockopt(socket, level, name, &value, &length) == 0 ? value : -1;
}

/// The kernel has begun to connect, and goes on with it.
bool is_under_way(int error) noexcept { return error == 0 || error == EINPROGRESS || error == EINTR; }

}  // namespace

Redirection::Redirection(std::uint16_t port_v4, std::uint16_t port_v6, std::size_t capacity,
                         std::chrono::seconds kept)
    : port_v4_(port_v4), port_v6_(port_v6), capacity_(capacity), kept_(kept) {}

bool Redirection::is_unused(int tcp_socket) noexcept {
  tcp_info info{};
  socklen_t length = sizeof info;
  return ::getsockopt(tcp_socket, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 || info.tcpi_state == TCP_CLOSE;
}

std::optional<SocketAddress> Redirection::door_for(int family, const IpAddress& wanted) const {
  const Endpoint v4{IpAddress::v4(INADDR_LOOPBACK), port_v4_};
  if (family == AF_INET && wanted.is_v4()) return SocketAddress::v4(v4);
  if (family != AF_INET6) return std::nullopt;
  if (!wanted.is_v4() && port_v6_ != 0) return SocketAddress::v6({*IpAddress::parse("::1"), port_v6_});
  // With IPV6_V6ONLY the kernel refuses the v4-mapped door as it would have refused a v4-mapped `wanted`.
  return SocketAddress::v6(v4);
}

int Redirection::connect(int socket, const Endpoint& wanted) {
  auto door = door_for(option(socket, SOL_SOCKET, SO_DOMAIN), wanted.address);
  if (!door) return EAFNOSUPPORT;
  const std::lock_guard lock(mutex_);
  const bool is_new = is_unused(socket);
  forget_expired();
  if (is_new && expected_.size() >= capacity_) return EADDRNOTAVAIL;
  const int error = ::connect(socket, door->get(), door->length) == 0 ? 0 : errno;
  if (is_new && is_under_way(error)) {
    if (const auto local = local_endpoint(socket)) expect(*local, wanted);
  }
  return error;
}

std::optional<Endpoint> Redirection::take(const Endpoint& peer) {
  const std::lock_guard lock(mutex_);
  forget_expired();
  const auto found = expected_.find(peer);
  if (found == expected_.end()) return std::nullopt;
  const Endpoint wanted = found->second->wanted;
  by_age_.erase(found->second);
  expected_.erase(found);
  return wanted;
}

void Redirection::expect(const Endpoint& peer, const Endpoint& wanted) {
  by_age_.push_back({peer, wanted, std::chrono::steady_clock::now() + kept_});
  const auto entry = std::prev(by_age_.end());
  const auto [at, is_first] = expected_.try_emplace(peer, entry);
  if (is_first) return;
  // A socket that was closed before it arrived had the same port.
  by_age_.erase(at->second);
  at->second = entry;
}

void Redirection::forget_expired() {
  const auto now = std::chrono::steady_clock::now();
  while (!by_age_.empty() && by_age_.front().until <= now) {
    expected_.erase(by_age_.front().peer);
    by_age_.pop_front();
  }
}

}  // namespace standin::proxy
