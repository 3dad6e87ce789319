#include "proxy/bound.h"

#include <algorithm>

#include "proxy/http2_server.h"
#include "proxy/request.h"

namespace standin::proxy {

namespace {

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

/// Whether the client speaks HTTP/2 without having agreed on it (RFC 9113 3.3): told by as many of its first
/// bytes as it takes.
Task<bool> begins_with_preface(Client& client, const Limits& limits) {
  struct Limited {
    Watch& watch;
    ~Limited() { watch.expires = Clock::time_point::max(); }
  } const limited{client.watch};
  for (;;) {
    const std::string_view bytes = client.inbox.bytes().substr(0, http2_preface.size());
    if (!http2_preface.starts_with(bytes)) co_return false;
    if (bytes.size() == http2_preface.size()) co_return true;
    const Io io = client.stream.try_read(client.inbox.space());
    if (io.ok()) {
      client.inbox.commit(io.count);
      // From the first byte on, however slowly the others come.
      client.watch.expires = std::min(client.watch.expires, Clock::now() + limits.client_head);
      continue;
    }
    if (!io.must_wait()) co_return false;
    client.inbox.release();
    if (!co_await client.stream.wait(io.end)) co_return false;
  }
}

}  // namespace

Task<void> serve_bound(Client& client, const Origin& origin, const Boundary& boundary) {
  const bool agreed = client.stream.is_tls() && chosen_protocol(client.stream.ssl()) == Protocol::http2;
  if (agreed || (!client.stream.is_tls() && co_await begins_with_preface(client, boundary.limits)))
    co_return co_await serve_http2(client, origin, boundary);
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
      persistence = co_await serve_request(client, request, target, pool, Handling::intercept, boundary);
    }
    if (persistence == Persistence::close) co_return;
  }
}

Task<void> serve_bound_tls(Client& client, const Origin& origin, const Boundary& boundary) {
  // The origin is dialled while the client still shakes hands with us, once it is known what it speaks.
  const PoolPointer pool = boundary.upstream.pool(origin);
  const ServerTls::Hello hello = [&](Protocol protocol) { boundary.upstream.prepare(pool, protocol); };
  OwnedSsl ssl = boundary.tls.accept(origin.host, hello);
  if (!ssl) co_return;
  client.stream.start_tls(std::move(ssl), client.inbox.bytes());
  client.inbox.consume(client.inbox.bytes().size());
  client.inbox.release();
  if (!co_await client.stream.handshake()) co_return report_client_tls(client, origin, boundary.interceptor);
  client.watch.expires = Clock::time_point::max();
  co_await serve_bound(client, origin, boundary);
}

}  // namespace standin::proxy
