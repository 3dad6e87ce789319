#include "proxy/websocket_switch.h"

#include <string>

#include "proxy/http1.h"

namespace standin::proxy {
namespace {

/// The field's values as one list (RFC 9110 5.3).
std::string joined(const std::vector<Field>& fields, std::string_view name) {
  std::string all;
  for (const Field& field : fields) {
    if (same_name(field.name, name)) all.append(all.empty() ? "" : ", ").append(field.value);
  }
  return all;
}

}  // namespace

WatchedWebSocket::WatchedWebSocket(const WebSocketExtensions& agreed, MessageFilters filters)
    : relay_(agreed, std::move(filters.from_client), std::move(filters.from_server)),
      from_client_(WebSocketSender::client, relay_.from_client, *this),
      from_origin_(WebSocketSender::server, relay_.from_server, *this) {}

bool WatchedWebSocket::OneWay::feed(std::string_view bytes, WipingBuffer& out) {
  auto end = direction_.feed(bytes, out);
  if (!end) return true;
  whole_.end_ = std::move(end);
  whole_.at_fault_ = sender_;
  return false;
}

void WatchedWebSocket::OneWay::part(WipingBuffer& out) {
  if (whole_.end_ && direction_.can_close()) append_close(out, sender_, whole_.end_->code);
}

std::optional<Refusal> WatchedWebSocket::why_ended() const {
  if (!end_) return std::nullopt;
  if (end_->refusal) return end_->refusal;
  if (at_fault_ == WebSocketSender::client)
    return Refusal{400, "bad_request", "what the client sent over a WebSocket is not its protocol", ""};
  return Refusal{502, "upstream_protocol", "what the origin sent over a WebSocket is not its protocol", ""};
}

std::variant<std::unique_ptr<WatchedWebSocket>, Refusal> watch_websocket(Exchange* exchange,
                                                                         const ResponseHead& response,
                                                                         const Origin& origin) {
  if (!exchange || !has_token(response.fields, "upgrade", "websocket")) return nullptr;
  MessageFilters filters = exchange->on_websocket();
  if (!filters.from_client && !filters.from_server) return nullptr;
  const auto agreed = parse_websocket_extensions(joined(response.fields, "sec-websocket-extensions"));
  if (!agreed && filters.unreadable == MessageFilters::Unreadable::relayed) return nullptr;
  if (!agreed) {
    return Refusal{502, "upstream_protocol",
                   origin.to_string() + " chose a WebSocket extension that standin can't look into",
                   "have the client offer permessage-deflate alone, or none"};
  }
  return std::make_unique<WatchedWebSocket>(*agreed, std::move(filters));
}

}  // namespace standin::proxy
