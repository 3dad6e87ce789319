#include "proxy/connection.h"

#include <optional>

#include <openssl/crypto.h>

#include "proxy/bound.h"
#include "proxy/request.h"
#include "proxy/tunnel.h"

namespace standin::proxy {

namespace {

/// What CONNECT leads to where a credential is bound to the host and port: TLS or not is told by the first
/// byte, because undici sends CONNECT for plain targets too.
Task<void> serve_bound_connect(Client& client, const Origin& secure, const Origin& plain,
                               const Boundary& boundary) {
  const bool intercepts_tls = boundary.interceptor.handling(secure) == Handling::intercept;
  static constexpr std::string_view established = "HTTP/1.1 200 Connection established\r\n\r\n";
  if (!co_await client.stream.write_all(established)) co_return;
  client.watch.expires = Clock::now() + boundary.limits.client_head;
  std::optional<unsigned char> first;
  if (client.inbox.empty()) {
    first = co_await client.stream.peek();
  } else {
    first = static_cast<unsigned char>(client.inbox.bytes().front());
  }
  if (!first) co_return;
  const bool is_tls = *first == tls_handshake_record;
  if (is_tls && intercepts_tls) co_return co_await serve_bound_tls(client, secure, boundary);
  client.watch.expires = Clock::time_point::max();
  if (!is_tls && boundary.interceptor.handling(plain) == Handling::intercept) {
    co_return co_await serve_bound(client, plain, boundary);
  }
  const Origin& wanted = is_tls ? secure : plain;
  std::optional<Refusal> refusal = boundary.interceptor.on_tunnel(wanted, nullptr);
  if (!refusal) {
    auto reached = co_await boundary.upstream.connect(secure);
    if (auto* socket = std::get_if<Socket>(&reached))
      co_return co_await serve_tunnel(client.stream, client.inbox, std::move(*socket));
    refusal = std::get<Refusal>(reached);
  }
  boundary.interceptor.on_refused(&wanted, "CONNECT", wanted.authority(), *refusal);
}

/// True: the connection stays usable for another request to the proxy.
Task<bool> serve_connect(Client& client, RequestParser& request, const Boundary& boundary) {
  const auto secure = Origin::from_authority(Scheme::https, request.target);
  std::optional<Refusal> refusal;
  if (!secure || !request.is_done()) {
    refusal = bad_request(secure ? "a body on CONNECT" : "a CONNECT target that is not a host and port");
  } else {
    refusal = boundary.interceptor.check_origin(*secure);
  }
  if (!refusal) {
    const Origin plain{Scheme::http, secure->host, secure->port};
    if (boundary.interceptor.handling(*secure) == Handling::intercept ||
        boundary.interceptor.handling(plain) == Handling::intercept) {
      co_await serve_bound_connect(client, *secure, plain, boundary);
      co_return false;
    }
    refusal = boundary.interceptor.on_tunnel(*secure, nullptr);
  }
  if (!refusal) {
    auto reached = co_await boundary.upstream.connect(*secure);
    if (auto* socket = std::get_if<Socket>(&reached)) {
      static constexpr std::string_view established = "HTTP/1.1 200 Connection established\r\n\r\n";
      if (co_await client.stream.write_all(established))
        co_await serve_tunnel(client.stream, client.inbox, std::move(*socket));
      co_return false;
    }
    refusal = std::get<Refusal>(reached);
  }
  boundary.interceptor.on_refused(secure ? &*secure : nullptr, request.method, request.target, *refusal);
  co_return co_await send_refusal(client, request, *refusal) == Persistence::keep_alive;
}

/// A request in absolute-form: `http`, and from clients like axios `https` too.
Task<bool> serve_absolute(Client& client, RequestParser& request, const Boundary& boundary) {
  const auto absolute = parse_absolute(request.target);
  std::optional<Refusal> refusal;
  Handling handling = Handling::tunnel;
  if (!absolute) {
    refusal = bad_request("a target that is no absolute URL: this is a proxy");
  } else if (compare_host(request, absolute->origin) != HostField::agrees) {
    refusal = bad_request("a Host that disagrees with its target");
  } else {
    refusal = boundary.interceptor.check_origin(absolute->origin);
    handling = boundary.interceptor.handling(absolute->origin);
    if (!refusal && handling == Handling::tunnel)
      refusal = boundary.interceptor.on_tunnel(absolute->origin, nullptr);
  }
  if (refusal) {
    boundary.interceptor.on_refused(absolute ? &absolute->origin : nullptr, request.method, request.target,
                                    *refusal);
    co_return co_await send_refusal(client, request, *refusal) == Persistence::keep_alive;
  }
  std::string target(absolute->rest);
  if (request.method == "OPTIONS" && target.empty()) target = "*";  // RFC 9112 3.2.4
  if (target != "*" && !target.starts_with('/')) target.insert(0, "/");
  const PoolPointer pool = boundary.upstream.pool(absolute->origin);
  co_return co_await serve_request(client, request, target, pool, handling, boundary) ==
      Persistence::keep_alive;
}

enum class Admission : std::uint8_t { granted, asked, wrong };

Admission admit(const RequestParser& request, const std::string& wanted) noexcept {
  const Field* given = find_field(request.fields, "proxy-authorization");
  if (!given) return Admission::asked;
  const bool same = given->value.size() == wanted.size() &&
                    CRYPTO_memcmp(given->value.data(), wanted.data(), wanted.size()) == 0;
  return same ? Admission::granted : Admission::wrong;
}

}  // namespace

Task<void> serve_connection(Client& client, const Boundary& boundary) {
  // Whoever else is on this machine may connect, too, and must not hold a place without ever asking.
  client.watch.expires = Clock::now() + boundary.limits.client_head;
  for (;;) {
    RequestParser request;
    if (!co_await read_request(client, request, boundary, nullptr)) break;
    const Admission admission = admit(request, boundary.authorization);
    bool usable = false;
    if (admission != Admission::granted) {
      // The connection stays usable: git asks without a password first, and again with it.
      const Refusal refusal{407, "proxy_authentication_required", "this proxy belongs to one run of standin",
                            "use the proxy variables of the environment that the run was given"};
      if (admission == Admission::wrong)
        boundary.interceptor.on_refused(nullptr, request.method, {}, refusal);
      usable = co_await send_refusal(client, request, refusal) == Persistence::keep_alive;
    } else if (request.method == "CONNECT") {
      usable = co_await serve_connect(client, request, boundary);
    } else {
      usable = co_await serve_absolute(client, request, boundary);
    }
    if (!usable) break;
  }
  co_await part_from(client);
}

}  // namespace standin::proxy
