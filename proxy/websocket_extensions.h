#pragma once

#include <optional>
#include <string_view>

namespace standin::proxy {

/// What permessage-deflate (RFC 7692 7) was agreed on for one direction.
struct WebSocketDeflate {
  bool takes_over = true;  // a message may refer to the messages before it
  int window_bits = 15;
};

/// What the answer to a handshake agreed on.
struct WebSocketExtensions {
  std::optional<WebSocketDeflate> from_client;  // both or none
  std::optional<WebSocketDeflate> from_server;
};

/// Reads Sec-WebSocket-Extensions of a 101 (several fields joined by ", "; empty: none). nullopt where it is
/// not read here what the frames mean: any extension but permessage-deflate, or that twice or malformed.
[[nodiscard]] std::optional<WebSocketExtensions> parse_websocket_extensions(std::string_view value);

}  // namespace standin::proxy
