#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "proxy/websocket_extensions.h"
#include "proxy/wiping_allocator.h"

namespace standin::proxy {

/// Reads compressed messages (RFC 7692 7.2.2), in whatever pieces. What zlib remembers of them is wiped.
class WebSocketInflater {
 public:
  WebSocketInflater();
  ~WebSocketInflater();

  /// Takes a part of a message and gives what it holds to `use`, a bounded piece at a time. False where it is
  /// not compressed text, or where `use` returns false.
  [[nodiscard]] bool feed(std::string_view part, const std::function<bool(std::string_view)>& use);
  /// The message is whole.
  [[nodiscard]] bool finish(const std::function<bool(std::string_view)>& use);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Compresses messages as one direction agreed (RFC 7692 7.2.1).
class WebSocketDeflater {
 public:
  explicit WebSocketDeflater(const WebSocketDeflate& agreed);
  ~WebSocketDeflater();

  void feed(std::string_view part, WipingBuffer& out);
  /// The message is whole. `out` is to hold all that came since feed() was called last.
  void finish(WipingBuffer& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace standin::proxy
