#include "proxy/captured.h"

#include <algorithm>
#include <optional>

#include "proxy/bound.h"
#include "proxy/client_hello.h"
#include "proxy/opening.h"
#include "proxy/tunnel.h"

namespace standin::proxy {

namespace {

/// Where a captured connection is to go. `name` is what it claims; the address is where the child connected.
struct Destination {
  Scheme scheme;
  const Endpoint& wanted;
  std::optional<Origin> name;

  [[nodiscard]] Origin literal() const { return {scheme, wanted.address.to_string(), wanted.port}; }
  [[nodiscard]] Origin origin() const { return name ? *name : literal(); }
};

/// A connection by name, because the address alone was refused. Names are resolved here and their addresses
/// judged as theirs, so that a name that may be reached is, and a name that is only claimed reaches what it
/// is the name of.
Task<Reached> connect_by_name(const Destination& to, const Origin& secure, Refusal by_address,
                              const Boundary& boundary) {
  if (auto refusal = boundary.interceptor.on_tunnel(*to.name, nullptr)) co_return std::move(*refusal);
  auto reached = co_await boundary.upstream.connect(secure);
  if (const auto* by_name = std::get_if<Refusal>(&reached)) {
    by_address.message += "; by its name: " + by_name->message;
    co_return by_address;
  }
  co_return reached;
}

Task<Reached> connect_tunnel(const Destination& to, const Boundary& boundary) {
  const Origin origin = to.origin();
  if (auto refusal = boundary.interceptor.check_origin(origin)) co_return std::move(*refusal);
  auto refusal = boundary.interceptor.check_address(to.literal(), to.wanted.address);
  // Whatever is inside, the company's proxy is asked for a tunnel: CONNECT.
  const Origin secure{Scheme::https, origin.host, origin.port};
  if (refusal && to.name) co_return co_await connect_by_name(to, secure, std::move(*refusal), boundary);
  if (refusal) co_return std::move(*refusal);
  const bool is_direct = boundary.upstream.is_direct(secure);
  if (auto denied =
          boundary.interceptor.on_tunnel(origin, to.name && is_direct ? &to.wanted.address : nullptr))
    co_return std::move(*denied);
  if (is_direct) co_return co_await boundary.upstream.connect_to_address(secure, to.wanted.address);
  co_return co_await boundary.upstream.connect(secure);
}

/// A refusal is told to the interceptor, and the client sees a reset.
void refuse(Client& client, const Origin& origin, const Refusal& refusal, Interceptor& interceptor) noexcept {
  interceptor.on_refused(&origin, "CONNECT", origin.authority(), refusal);
  client.stream.reset();
}

Task<void> serve_opaque(Client& client, const Destination& to, const Boundary& boundary) {
  client.watch.expires = Clock::time_point::max();
  auto reached = co_await connect_tunnel(to, boundary);
  if (const auto* refusal = std::get_if<Refusal>(&reached))
    co_return refuse(client, to.origin(), *refusal, boundary.interceptor);
  co_await serve_tunnel(client.stream, client.inbox, std::move(std::get<Socket>(reached)));
}

/// The origin that a bare host name means on a captured connection. An address is no name: it is known
/// already, and what the child claims it to be changes nothing.
std::optional<Origin> named(Scheme scheme, const std::string& host, std::uint16_t port) {
  auto origin = Origin::from_authority(scheme, host + ":" + std::to_string(port));
  if (!origin || origin->address()) return std::nullopt;
  return origin;
}

Task<void> serve_captured_tls(Client& client, const Endpoint& wanted, const Boundary& boundary) {
  Destination to{Scheme::https, wanted, {}};
  {
    ClientHelloReader hello(*boundary.client_hello);
    if (co_await read_client_hello(client, hello) == Opening::ended) co_return;
    if (hello.server_name()) to.name = named(Scheme::https, *hello.server_name(), wanted.port);
  }
  const Origin origin = to.origin();
  if (boundary.interceptor.handling(origin) != Handling::intercept)
    co_return co_await serve_opaque(client, to, boundary);
  if (const auto refusal = boundary.interceptor.check_origin(origin))
    co_return refuse(client, origin, *refusal, boundary.interceptor);
  // By name, wherever the child thinks that it is.
  co_await serve_bound_tls(client, origin, boundary);
}

Task<void> serve_captured_plain(Client& client, const Endpoint& wanted, const Boundary& boundary) {
  Destination to{Scheme::http, wanted, {}};
  std::optional<Origin> host;
  const bool may_be_bound = std::ranges::any_of(boundary.bound, [&](const OriginPattern& pattern) {
    return pattern.scheme() == Scheme::http && pattern.port() == wanted.port;
  });
  if (may_be_bound) {
    const std::size_t limit = boundary.limits.max_head_bytes;
    if (co_await read_request_host(client, limit, host) == Opening::ended) co_return;
  }
  if (host && host->port == wanted.port && boundary.interceptor.handling(*host) == Handling::intercept) {
    if (const auto refusal = boundary.interceptor.check_origin(*host))
      co_return refuse(client, *host, *refusal, boundary.interceptor);
    client.watch.expires = Clock::time_point::max();
    co_return co_await serve_bound(client, *host, boundary);
  }
  if (host && !host->address()) to.name = Origin{Scheme::http, host->host, wanted.port};
  co_await serve_opaque(client, to, boundary);
}

}  // namespace

Task<void> serve_captured(Client& client, const Endpoint& wanted, const Boundary& boundary) {
  client.watch.expires = Clock::now() + boundary.limits.client_head;
  const auto first = co_await client.stream.peek();
  if (first && *first == tls_handshake_record) {
    co_await serve_captured_tls(client, wanted, boundary);
  } else if (first) {
    co_await serve_captured_plain(client, wanted, boundary);
  }
  co_await part_from(client);
}

}  // namespace standin::proxy
