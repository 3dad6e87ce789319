#pragma once

#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>

#include "proxy/asio.h"

namespace standin::proxy {

/// Awaits `work`, which is cancelled when `timer` expires or is cancelled: nullopt then.
///
/// Boost 1.81 has no cancel_after, and `work || timer` of awaitable_operators waits for the first *success*,
/// so that work which fails at once would look like a time-out. wait_for_one takes the first end of either.
template <class T>
Task<std::optional<T>> within(Timer& timer, Task<T> work) {
  const auto executor = co_await asio::this_coro::executor;
  auto group = asio::experimental::make_parallel_group(
      asio::co_spawn(executor, std::move(work), asio::deferred), timer.async_wait(asio::deferred));
  auto [order, fault, value, timer_error] =
      co_await group.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable_t<Executor>{});
  if (order[0] != 0) co_return std::nullopt;
  if (fault) std::rethrow_exception(fault);
  co_return std::optional<T>(std::move(value));
}

}  // namespace standin::proxy
