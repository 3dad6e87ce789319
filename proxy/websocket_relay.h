#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/body_transform.h"
#include "proxy/websocket_deflate.h"
#include "proxy/websocket_extensions.h"
#include "proxy/websocket_frames.h"

namespace standin::proxy {

/// Why a WebSocket ends before its ends want it.
struct WebSocketEnd {
  std::uint16_t code;              // of the Close frame: 1002 a fault of protocol, 1008 refused
  std::optional<Refusal> refusal;  // 1008: the filter's
};

/// What one side of a WebSocket (RFC 6455) sends, on its way to the other. Sans-IO, memory bounded whatever
/// comes.
///
/// A text message goes through a filter of its own and is framed again (with a fresh mask, in fragments where
/// it comes in several pieces). Frames of binary messages and of control pass byte for byte, with one
/// exception: compressed messages that may refer to those before them (context takeover) are all compressed
/// again, because what they refer to may have changed.
class WebSocketDirection {
 public:
  WebSocketDirection(WebSocketSender sender, std::optional<WebSocketDeflate> deflate, MessageFilter filter);

  /// Takes what came and appends what goes on. An end is for good.
  [[nodiscard]] std::optional<WebSocketEnd> feed(std::string_view bytes, WipingBuffer& out);
  /// Whether a Close frame may be sent here: not inside a frame that passes.
  [[nodiscard]] bool between_frames() const noexcept { return left_ == 0 || !passing_; }
  /// Whether its receiver can take a Close frame of ours now: where frames are read, and none has passed.
  [[nodiscard]] bool can_close() const noexcept { return filter_ && !closed_ && between_frames(); }

 private:
  using End = std::optional<WebSocketEnd>;
  End begin_frame(WipingBuffer& out);
  End begin_message(const WebSocketFrame& frame);
  End payload(std::string_view bytes, WipingBuffer& out);
  End content(std::string_view bytes);
  End plain(std::string_view bytes);
  End end_message(WipingBuffer& out);
  End finish_content();
  void send(bool final, WipingBuffer& out);

  WebSocketSender sender_;
  std::optional<WebSocketDeflate> agreed_;
  MessageFilter filter_;
  WebSocketHeadReader head_;
  std::uint64_t left_ = 0;  // of the frame's payload
  std::uint64_t seen_ = 0;  // of it
  bool in_frame_ = false;
  bool passing_ = false;  // this frame, byte for byte
  bool closed_ = false;

  // The message that is on its way, if any; control frames stand between its frames.
  bool in_message_ = false;
  bool rewriting_ = false;  // it is framed again
  WebSocketFrame next_;     // what its next fragment is sent as
  std::unique_ptr<BodyTransform> transform_;
  bool compressed_ = false;
  WipingBuffer pending_;  // payload that goes out with this feed()

  std::unique_ptr<WebSocketInflater> inflater_;
  std::unique_ptr<WebSocketDeflater> deflater_;
};

/// Both directions of a WebSocket, after its 101.
struct WebSocketRelay {
  WebSocketRelay(const WebSocketExtensions& extensions, MessageFilter client_filter,
                 MessageFilter server_filter)
      : from_client(WebSocketSender::client, extensions.from_client, std::move(client_filter)),
        from_server(WebSocketSender::server, extensions.from_server, std::move(server_filter)) {}

  WebSocketDirection from_client;
  WebSocketDirection from_server;
};

}  // namespace standin::proxy
