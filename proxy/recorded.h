#pragma once

#include <chrono>
#include <memory>
#include <new>

#include <boost/asio/post.hpp>

#include "proxy/asio.h"
#include "proxy/interceptor.h"

namespace standin::proxy {

/// Tells the interceptor how it ended, whichever way it ended: also when the run ends in the middle.
class Recorded {
 public:
  Recorded(std::unique_ptr<Exchange> exchange, Interceptor& interceptor, Executor executor)
      : exchange_(std::move(exchange)),
        interceptor_(interceptor),
        executor_(std::move(executor)),
        began_(Clock::now()) {}
  Recorded(const Recorded&) = delete;
  ~Recorded() {
    if (!exchange_) return;
    outcome.duration = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began_);
    exchange_->finished(outcome);
    try {
      // Behind all that is ready now: that is what makes it the turn's end.
      asio::post(executor_, [&interceptor = interceptor_] { interceptor.on_turn_end(); });
    } catch (const std::bad_alloc&) {
      interceptor_.on_turn_end();
    }
  }
  Outcome outcome{.reason = "aborted"};

 private:
  std::unique_ptr<Exchange> exchange_;
  Interceptor& interceptor_;
  Executor executor_;
  Clock::time_point began_;
};

}  // namespace standin::proxy
