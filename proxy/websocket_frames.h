#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "proxy/wiping_allocator.h"

namespace standin::proxy {

enum class WebSocketSender : std::uint8_t { client, server };

/// The head of a frame (RFC 6455 5.2).
struct WebSocketFrame {
  static constexpr std::uint8_t continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10;

  bool final = false;
  bool compressed = false;  // RSV1 (RFC 7692 6)
  std::uint8_t opcode = 0;
  bool masked = false;
  std::uint64_t length = 0;
  std::array<char, 4> mask{};

  [[nodiscard]] bool is_control() const noexcept { return (opcode & 8) != 0; }
};

/// Reads the heads of frames that come in any pieces. Strict: what no sender may send is a fault.
class WebSocketHeadReader {
 public:
  enum class Result : std::uint8_t { more, whole, fault };

  explicit WebSocketHeadReader(WebSocketSender sender) noexcept : sender_(sender) {}

  /// The next byte of a head.
  Result take(char byte) noexcept;
  /// The head that is whole, and its bytes as they came; both until the next take().
  [[nodiscard]] const WebSocketFrame& frame() const noexcept { return frame_; }
  [[nodiscard]] std::string_view bytes() const noexcept { return {bytes_.data(), size_}; }
  /// Nothing of a head was read yet.
  [[nodiscard]] bool idle() const noexcept { return size_ == 0 || whole_; }

 private:
  [[nodiscard]] bool is_sound() const noexcept;
  void read() noexcept;

  WebSocketSender sender_;
  std::array<char, 14> bytes_{};
  std::size_t size_ = 0;
  std::size_t wanted_ = 2;
  bool whole_ = false;
  WebSocketFrame frame_;
};

/// Masks or unmasks `payload` in place; `offset`: how much of the frame's payload went before.
void apply_mask(WipingBuffer& payload, const std::array<char, 4>& mask, std::uint64_t offset) noexcept;

/// Appends a whole frame as `sender` sends it, a client's with a fresh mask. Only opcode, final and
/// compressed of `frame` are used.
void append_frame(WipingBuffer& out, WebSocketSender sender, const WebSocketFrame& frame,
                  std::string_view payload);

/// A Close frame (RFC 6455 5.5.1) with this status.
void append_close(WipingBuffer& out, WebSocketSender sender, std::uint16_t code);

}  // namespace standin::proxy
