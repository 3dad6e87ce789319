#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace standin::proxy {

/// What a peer's frames cost us against the use they are of, and whether a head of its is still on its way.
/// Told from the frames' own heads (RFC 9113 4.1) as the bytes come: nghttp2 does not say how far a frame has
/// come, and what is told outside of its callbacks may end the session at once.
class Http2Patience {
 public:
  enum class Preface : std::uint8_t { expected, none };
  explicit Http2Patience(Preface preface) noexcept;

  /// Before nghttp2 reads them. False: too much came of what is of no use.
  bool look_at(std::string_view bytes) noexcept;

  // What was of use: so much else may come along with it.
  void message_came() noexcept { earn(12); }  // a PRIORITY, a window, a PING for each
  void data_came() noexcept { earn(1); }
  void data_sent() noexcept { earn(4); }  // each may be answered by two WINDOW_UPDATEs and a PING
  /// Once a second: a PING every now and then may go on for ever.
  void forgive() noexcept;

  /// Which head, counted from the beginning, has begun and not ended; the connection's preface is one.
  [[nodiscard]] std::optional<std::uint64_t> unfinished_head() const noexcept;
  /// How many frames came, but for answers to a PING of ours.
  [[nodiscard]] std::uint64_t news() const noexcept { return news_; }

 private:
  void earn(std::int64_t credit) noexcept;
  void begin_frame() noexcept;
  void end_frame() noexcept;

  std::size_t preface_left_;
  std::array<std::uint8_t, 9> head_{};  // of the frame
  std::size_t head_size_ = 0;           // of it so much came
  std::size_t payload_left_ = 0;
  std::int64_t debt_ = 0;
  std::uint64_t news_ = 0;
  std::uint64_t heads_ = 0;  // that have begun
  bool amid_head_;
};

}  // namespace standin::proxy
