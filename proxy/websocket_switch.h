#pragma once

#include <memory>
#include <optional>
#include <variant>

#include "proxy/interceptor.h"
#include "proxy/tunnel.h"
#include "proxy/websocket_relay.h"

namespace standin::proxy {

/// A WebSocket that is looked at, as what relay() takes. Must stay put while it relays.
class WatchedWebSocket {
 public:
  WatchedWebSocket(const WebSocketExtensions& agreed, MessageFilters filters);
  WatchedWebSocket(const WatchedWebSocket&) = delete;
  WatchedWebSocket& operator=(const WatchedWebSocket&) = delete;

  [[nodiscard]] Passages passages() noexcept { return {&from_client_, &from_origin_}; }

  /// Why it was ended here, as the log is told; nullopt: it was not.
  [[nodiscard]] std::optional<Refusal> why_ended() const;
  /// ... by a filter, which has recorded it.
  [[nodiscard]] bool was_refused() const noexcept { return end_ && end_->refusal; }

 private:
  /// Either side's end is both sides'.
  class OneWay final : public Passage {
   public:
    OneWay(WebSocketSender sender, WebSocketDirection& direction, WatchedWebSocket& whole) noexcept
        : sender_(sender), direction_(direction), whole_(whole) {}
    bool feed(std::string_view bytes, WipingBuffer& out) override;
    void part(WipingBuffer& out) override;

   private:
    WebSocketSender sender_;
    WebSocketDirection& direction_;
    WatchedWebSocket& whole_;
  };

  WebSocketRelay relay_;
  OneWay from_client_, from_origin_;
  std::optional<WebSocketEnd> end_;
  WebSocketSender at_fault_ = WebSocketSender::client;
};

/// What a 101 asks for, before it is passed on: null where the connection is relayed unread, because it
/// switches to something else or `exchange` (may be null) does not look; a Refusal where the messages have to
/// be looked at and it negotiated extensions that change what a frame means in a way not known here.
[[nodiscard]] std::variant<std::unique_ptr<WatchedWebSocket>, Refusal> watch_websocket(
    Exchange* exchange, const ResponseHead& response, const Origin& origin);

}  // namespace standin::proxy
