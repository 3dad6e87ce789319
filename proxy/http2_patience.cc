#include "proxy/http2_patience.h"

#include <algorithm>

#include <nghttp2/nghttp2.h>

namespace standin::proxy {

namespace {

/// Frames of no use at once, and a second in the long run. Browsers and gRPC stay below a tenth.
constexpr std::int64_t most_debt = 10'000;
constexpr std::int64_t forgiven_a_second = 100;
/// What a long download earns can be spent at once by a client that was asleep.
constexpr std::int64_t most_saved = 100'000;

std::int64_t cost_of(std::uint8_t type, std::size_t length) noexcept {
  switch (type) {
    case NGHTTP2_DATA:
      return 0;  // bounded by windows, and where it is empty by itself
    case NGHTTP2_CONTINUATION:
    case NGHTTP2_PUSH_PROMISE:
      return 0;  // bounded by nghttp2
    case NGHTTP2_HEADERS:
      return 4;  // earned back, unless the stream is refused or the head is none
    case NGHTTP2_SETTINGS:
      return 10;  // every stream's window is changed, HPACK's tables are
    default:
      return 1 + static_cast<std::int64_t>(length / 1024);
  }
}

bool is_of_head(std::uint8_t type) noexcept {
  return type == NGHTTP2_HEADERS || type == NGHTTP2_CONTINUATION || type == NGHTTP2_PUSH_PROMISE;
}

}  // namespace

Http2Patience::Http2Patience(Preface preface) noexcept
    : preface_left_(preface == Preface::expected ? NGHTTP2_CLIENT_MAGIC_LEN : 0),
      amid_head_(preface == Preface::expected) {}

bool Http2Patience::look_at(std::string_view bytes) noexcept {
  const auto skip = [&](std::size_t& left) {
    const std::size_t count = std::min(left, bytes.size());
    bytes.remove_prefix(count);
    left -= count;
    return left == 0;
  };
  if (!skip(preface_left_)) return true;
  while (!bytes.empty()) {
    if (payload_left_ > 0) {
      if (skip(payload_left_)) end_frame();
      continue;
    }
    head_[head_size_++] = static_cast<std::uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    if (head_size_ < head_.size()) continue;
    begin_frame();
    if (debt_ > most_debt) return false;
    if (payload_left_ == 0) end_frame();
  }
  return true;
}

void Http2Patience::begin_frame() noexcept {
  head_size_ = 0;
  payload_left_ = std::size_t{head_[0]} << 16 | std::size_t{head_[1]} << 8 | head_[2];
  const std::uint8_t type = head_[3];
  debt_ += cost_of(type, payload_left_);
  if (type != NGHTTP2_PING || (head_[4] & NGHTTP2_FLAG_ACK) == 0) ++news_;
  if (type == NGHTTP2_HEADERS || type == NGHTTP2_PUSH_PROMISE) ++heads_;
  if (is_of_head(type)) amid_head_ = true;
}

void Http2Patience::end_frame() noexcept {
  // The preface is over with the SETTINGS behind it (RFC 9113 3.4).
  amid_head_ = is_of_head(head_[3]) && (head_[4] & NGHTTP2_FLAG_END_HEADERS) == 0;
}

void Http2Patience::earn(std::int64_t credit) noexcept { debt_ = std::max(debt_ - credit, -most_saved); }

void Http2Patience::forgive() noexcept {
  if (debt_ > 0) debt_ = std::max<std::int64_t>(debt_ - forgiven_a_second, 0);
}

std::optional<std::uint64_t> Http2Patience::unfinished_head() const noexcept {
  return amid_head_ ? std::optional(heads_) : std::nullopt;
}

}  // namespace standin::proxy
