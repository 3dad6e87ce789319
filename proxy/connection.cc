#include "proxy/connection.h"

#include <optional>

#include <openssl/crypto.h>

#include "proxy/relayed_head.h"
#include "proxy/tunnel.h"

namespace standin::proxy {

namespace {

Refusal bad_request(std::string_view what) {
  return {400, "bad_request", "the request has " + std::string(what),
          "two readers could take it in two ways: nothing of it was sent"};
}

Refusal misdirected(const Origin& origin) {
  return {421, "misdirected_request",
          "the request's host is not the one this connection is to, " + origin.to_string(),
          "Host, the request target and the name connected to must agree"};
}

/// Reads a request's head into `request`. False: the connection has ended, or must.
Task<bool> read_request(Client& client, RequestParser& request, const Boundary& boundary,
                        const Origin* origin) {
  const HeadRead read = co_await read_client_head(client, boundary.limits);
  std::optional<Refusal> refusal;
  switch (read.end) {
    case HeadRead::End::nothing:
    case HeadRead::End::cut:
      co_return false;
    case HeadRead::End::bad:
      refusal = bad_request(read.reason);
      break;
    case HeadRead::End::too_large:
      refusal = Refusal{431, "bad_request", "the request's head is larger than 64 KiB", ""};
      break;
    case HeadRead::End::whole: {
      std::string_view fault = request.parse_head(client.inbox.bytes().substr(0, read.length));
      if (fault.empty()) fault = request.check_framing();
      client.inbox.consume(read.length);
      if (fault.empty()) co_return true;
      refusal = bad_request(fault);
    }
  }
  boundary.interceptor.on_refused(origin, request.method, request.target, *refusal);
  // Where one message ends and the next begins is not known any more: nothing else can be read here.
  const std::string response = refusal_response(*refusal, Persistence::close, WithBody::yes);
  co_await client.stream.write_all(response);
  co_return false;
}

/// The parts of an absolute-form target (RFC 9112 3.2.2).
struct AbsoluteTarget {
  Origin origin;
  std::string_view rest;  // "/path?query", or empty
};

std::optional<AbsoluteTarget> parse_absolute(std::string_view target) {
  const auto colon = target.find("://");
  if (colon == target.npos) return std::nullopt;
  const auto scheme = target.substr(0, colon);
  const bool is_https = same_name(scheme, "https") || same_name(scheme, "wss");
  if (!is_https && !same_name(scheme, "http") && !same_name(scheme, "ws")) return std::nullopt;
  const auto after = target.substr(colon + 3);
  const auto end = std::min(after.find_first_of("/?#"), after.size());
  auto origin = Origin::from_authority(is_https ? Scheme::https : Scheme::http, after.substr(0, end));
  if (!origin) return std::nullopt;
  return AbsoluteTarget{std::move(*origin), after.substr(end)};
}

enum class HostField : std::uint8_t { agrees, disagrees, malformed };

/// What Host says of `origin`: exactly once, unless HTTP/1.0 leaves it out (RFC 9112 3.2).
HostField compare_host(const RequestParser& request, const Origin& origin) {
  const Field* host = nullptr;
  for (const Field& field : request.fields) {
    if (!same_name(field.name, "host")) continue;
    if (host) return HostField::malformed;
    host = &field;
  }
  if (!host) return request.version < 11 ? HostField::agrees : HostField::malformed;
  if (host->value == origin.authority()) return HostField::agrees;
  const auto named = Origin::from_authority(origin.scheme, host->value);
  if (!named) return HostField::malformed;
  return *named == origin ? HostField::agrees : HostField::disagrees;
}

/// Whether a request inside a connection to `origin` is one for it.
std::optional<Refusal> check_target(const RequestParser& request, std::string_view target,
                                    const std::optional<AbsoluteTarget>& absolute, const Origin& origin) {
  if (request.method == "CONNECT" || (target != "*" && !target.starts_with('/')))
    return bad_request("a target that is no path");
  const HostField host = compare_host(request, absolute ? absolute->origin : origin);
  if (host == HostField::malformed) return bad_request("no Host, or two, or one that is none");
  if (absolute && host == HostField::disagrees) return bad_request("a Host that disagrees with its target");
  if (host == HostField::disagrees || (absolute && absolute->origin != origin)) return misdirected(origin);
  return std::nullopt;
}

/// A request whose origin is known: judged where that is bound, forwarded.
Task<Persistence> serve_request(Client& client, RequestParser& request, std::string_view target,
                                OriginPool& pool, Handling handling, const Boundary& boundary) {
  RequestHead head;
  head.method = request.method;
  head.target = target;
  head.fields = std::move(request.fields);
  std::unique_ptr<Exchange> recorded;
  if (handling == Handling::intercept) {
    auto verdict = boundary.interceptor.on_request(pool.origin, head);
    if (const auto* refusal = std::get_if<Refusal>(&verdict))
      co_return co_await send_refusal(client, request, *refusal);
    recorded = std::move(std::get<Pass>(verdict).exchange);
  }
  co_return co_await forward(client, request, head, pool, boundary.upstream, boundary.interceptor,
                             std::move(recorded), boundary.limits);
}

/// Requests inside a connection to one bound origin, under TLS or (for a bound `http` origin) without.
Task<void> serve_bound(Client& client, const Origin& origin, const Boundary& boundary) {
  const PoolPointer pool = boundary.upstream.pool(origin);
  for (;;) {
    RequestParser request;
    if (!co_await read_request(client, request, boundary, &origin)) co_return;
    std::string target = request.target;
    const auto absolute = parse_absolute(request.target);
    if (absolute)
      target =
          absolute->rest.starts_with('/') ? std::string(absolute->rest) : "/" + std::string(absolute->rest);
    Persistence persistence = Persistence::close;
    if (const auto refusal = check_target(request, target, absolute, origin)) {
      boundary.interceptor.on_refused(&origin, request.method, request.target, *refusal);
      persistence = co_await send_refusal(client, request, *refusal);
    } else {
      persistence = co_await serve_request(client, request, target, *pool, Handling::intercept, boundary);
    }
    if (persistence == Persistence::close) co_return;
  }
}

/// The client broke off its handshake with us. Where it says why that is worth telling a person: nearly
/// always it does not trust the run's authority.
void report_client_tls(Client& client, const Origin& origin, Interceptor& interceptor) noexcept {
  const unsigned long error = ERR_peek_error();
  const char* reason = error ? ERR_reason_error_string(error) : nullptr;
  if (reason && ERR_GET_REASON(error) != SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    interceptor.on_refused(&origin, "CONNECT", origin.authority(),
                           {502, "client_tls", std::string("the client broke off TLS: ") + reason,
                            "it must trust the roots that SSL_CERT_FILE names in its environment"});
  }
  ERR_clear_error();
  client.stream.abort();
}

/// To the origin that CONNECT names, byte for byte.
Task<void> serve_tunnel(Client& client, Socket socket) {
  Stream origin(std::move(socket));
  Inbox nothing;
  co_await relay(client.stream, client.inbox, origin, nothing);
}

/// What CONNECT leads to where a credential is bound to the host and port: TLS or not is told by the first
/// byte, because undici sends CONNECT for plain targets too.
Task<void> serve_bound_connect(Client& client, const Origin& secure, const Origin& plain,
                               const Boundary& boundary) {
  const bool intercepts_tls = boundary.interceptor.handling(secure) == Handling::intercept;
  // Dialled while the client still shakes hands with us.
  const PoolPointer pool = boundary.upstream.pool(secure);
  if (intercepts_tls) boundary.upstream.prepare(pool);
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
  constexpr unsigned char tls_handshake_record = 0x16;
  const bool is_tls = *first == tls_handshake_record;
  if (is_tls && intercepts_tls) {
    OwnedSsl ssl = boundary.tls.accept(secure.host);
    if (!ssl) co_return;
    client.stream.start_tls(std::move(ssl), client.inbox.bytes());
    client.inbox.consume(client.inbox.bytes().size());
    client.inbox.release();
    if (!co_await client.stream.handshake())
      co_return report_client_tls(client, secure, boundary.interceptor);
    client.watch.expires = Clock::time_point::max();
    co_return co_await serve_bound(client, secure, boundary);
  }
  client.watch.expires = Clock::time_point::max();
  if (!is_tls && boundary.interceptor.handling(plain) == Handling::intercept) {
    co_return co_await serve_bound(client, plain, boundary);
  }
  const Origin& wanted = is_tls ? secure : plain;
  std::optional<Refusal> refusal = boundary.interceptor.on_tunnel(wanted);
  if (!refusal) {
    auto reached = co_await boundary.upstream.connect(secure);
    if (auto* socket = std::get_if<Socket>(&reached))
      co_return co_await serve_tunnel(client, std::move(*socket));
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
    refusal = boundary.interceptor.on_tunnel(*secure);
  }
  if (!refusal) {
    auto reached = co_await boundary.upstream.connect(*secure);
    if (auto* socket = std::get_if<Socket>(&reached)) {
      static constexpr std::string_view established = "HTTP/1.1 200 Connection established\r\n\r\n";
      if (co_await client.stream.write_all(established)) co_await serve_tunnel(client, std::move(*socket));
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
    if (!refusal && handling == Handling::tunnel) refusal = boundary.interceptor.on_tunnel(absolute->origin);
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
  co_return co_await serve_request(client, request, target, *pool, handling, boundary) ==
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
