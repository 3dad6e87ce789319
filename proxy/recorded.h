#pragma once

#include <chrono>
#include <memory>
#include <new>
#include <utility>

#include <boost/asio/post.hpp>

#include "proxy/asio.h"
#include "proxy/interceptor.h"

namespace standin::proxy {

/// Tells the interceptor when what was ready has been done, after exchanges ended: once for all of them.
class TurnEnd {
 public:
  TurnEnd(Interceptor& interceptor, asio::io_context& io) : interceptor_(interceptor), io_(io) {}
  TurnEnd(const TurnEnd&) = delete;

  void come() noexcept {
    if (std::exchange(is_coming_, true)) return;
    try {
      // Behind all that is ready now: that is what makes it the turn's end.
      asio::post(io_, [this] { tell(); });
    } catch (const std::bad_alloc&) {
      tell();
    }
  }

 private:
  void tell() noexcept {
    is_coming_ = false;
    interceptor_.on_turn_end();
  }

  Interceptor& interceptor_;
  asio::io_context& io_;
  bool is_coming_ = false;
};

/// Tells the interceptor how it ended, whichever way it ended: also when the run ends in the middle.
class Recorded {
 public:
  Recorded(std::unique_ptr<Exchange> exchange, TurnEnd& turn_end)
      : exchange_(std::move(exchange)), turn_end_(turn_end), began_(Clock::now()) {}
  Recorded(const Recorded&) = delete;
  ~Recorded() {
    if (!exchange_) return;
    outcome.duration = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began_);
    exchange_->finished(outcome);
    turn_end_.come();
  }
  Outcome outcome{.reason = "aborted"};

 private:
  std::unique_ptr<Exchange> exchange_;
  TurnEnd& turn_end_;
  Clock::time_point began_;
};

}  // namespace standin::proxy
