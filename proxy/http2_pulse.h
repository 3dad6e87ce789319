#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "proxy/proxy.h"

namespace standin::proxy {

/// Whether an origin is still there. One that died without a word (a NAT forgot the connection, a machine
/// slept) would have every request on it wait for ever. Looked at once a second; knows no socket.
class Http2Pulse {
 public:
  using Time = std::chrono::steady_clock::time_point;
  enum class Next : std::uint8_t { nothing, ask, give_up };
  /// What is known of the connection at a look.
  struct Signs {
    bool heard = false;          // something came since the last look
    bool taking = false;         // its end takes what waited to be sent, if slowly
    std::uint64_t news = 0;      // grows with whatever is more than the answer to a PING
    bool is_waited_for = false;  // a request is under way
  };

  explicit Http2Pulse(Time now) noexcept : silent_since_(now) {}

  Next look(Time now, const Signs& signs, const Limits& limits) noexcept {
    if (signs.news != std::exchange(news_, signs.news)) not_before_ = {};
    if (signs.heard || signs.taking) silent_since_ = now;
    if (signs.heard || !signs.is_waited_for) asked_.reset();
    if (signs.taking && asked_) asked_ = now;  // the question is behind the rest of an upload
    if (!signs.is_waited_for) return Next::nothing;
    if (asked_) return now - *asked_ < limits.http2_answer ? Next::nothing : Next::give_up;
    if (now - silent_since_ < limits.http2_silence || now < not_before_) return Next::nothing;
    asked_ = now;
    not_before_ = now + between_questions;
    return Next::ask;
  }

 private:
  /// While nothing else comes. gRPC's servers end a connection for questions more often than that.
  static constexpr std::chrono::seconds between_questions{310};

  Time silent_since_;
  Time not_before_{};
  std::optional<Time> asked_;
  std::uint64_t news_ = 0;
};

}  // namespace standin::proxy
