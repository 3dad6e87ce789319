#pragma once

// Asio as this room uses it. Included by the room's .cc files and internal headers only: it takes seconds
// a unit to compile. One thread runs everything, so the concrete executor is used throughout.

#include <chrono>
#include <limits>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace standin::proxy {

namespace asio = boost::asio;
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
using Clock = std::chrono::steady_clock;
using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor>;

/// A coroutine. How a conversation ends is a value, so none of ours throws but for lack of memory.
template <class T>
using Task = asio::awaitable<T, Executor>;

/// Completion as a value: `auto [error] = co_await socket.async_wait(..., as_value);`
inline constexpr asio::as_tuple_t<asio::use_awaitable_t<Executor>> as_value{};

/// Something that happens once, and that coroutines wait for. Single-threaded, like all here.
class Event {
 public:
  explicit Event(const Executor& executor) : timer_(executor, Clock::time_point::max()) {}
  [[nodiscard]] bool is_set() const noexcept { return set_; }
  void set() {
    set_ = true;
    timer_.cancel();
  }
  Task<void> wait() {
    if (!set_) co_await timer_.async_wait(as_value);
  }

 private:
  Timer timer_;
  bool set_ = false;
};

}  // namespace standin::proxy
