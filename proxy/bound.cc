#include "proxy/bound.h"

#include "proxy/request.h"

namespace standin::proxy {

namespace {

Refusal misdirected(const Origin& origin) {
  return {421, "misdirected_request",
          "the request's host is not the one this connection is to, " + origin.to_string(),
          "Host, the request target and the name connected to must agree"};
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

}  // namespace

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

Task<void> serve_bound_tls(Client& client, const Origin& origin, const Boundary& boundary) {
  OwnedSsl ssl = boundary.tls.accept(origin.host);
  if (!ssl) co_return;
  client.stream.start_tls(std::move(ssl), client.inbox.bytes());
  client.inbox.consume(client.inbox.bytes().size());
  client.inbox.release();
  if (!co_await client.stream.handshake()) co_return report_client_tls(client, origin, boundary.interceptor);
  client.watch.expires = Clock::time_point::max();
  co_await serve_bound(client, origin, boundary);
}

}  // namespace standin::proxy
