#include "proxy/request.h"

#include "proxy/exchange.h"
#include "proxy/http1_sides.h"

namespace standin::proxy {

Refusal bad_request(std::string_view what) {
  return {400, "bad_request", "the request has " + std::string(what),
          "two readers could take it in two ways: nothing of it was sent"};
}

Refusal misdirected(const Origin& origin) {
  return {421, "misdirected_request",
          "the request's host is not the one this connection is to, " + origin.to_string(),
          "Host, the request target and the name connected to must agree"};
}

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

Verdict judge(RequestHead& head, const Origin& origin, Handling handling, const Boundary& boundary) {
  if (handling != Handling::intercept) return Pass();
  return boundary.interceptor.on_request(origin, head);
}

Task<Persistence> serve_request(Client& client, RequestParser& request, std::string_view target,
                                const PoolPointer& pool, Handling handling, const Boundary& boundary) {
  RequestHead head;
  head.method = request.method;
  head.target = target;
  head.fields = std::move(request.fields);
  Verdict verdict = judge(head, pool->origin, handling, boundary);
  if (const auto* refusal = std::get_if<Refusal>(&verdict))
    co_return co_await send_refusal(client, request, *refusal);
  Http1ClientSide side(client, request);
  co_await forward(side, head, pool, boundary, std::move(std::get<Pass>(verdict)));
  co_return side.persistence();
}

}  // namespace standin::proxy
