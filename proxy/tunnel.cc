#include "proxy/tunnel.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>

namespace standin::proxy {

namespace {

/// One direction. Waits without a buffer: an idle tunnel holds none.
Task<void> copy(Stream& from, Inbox& early, Stream& to, std::uint64_t& count) {
  bool intact = early.empty() || co_await to.write_all(early.bytes());
  count += early.bytes().size();
  early.consume(early.bytes().size());
  early.release();
  std::unique_ptr<char[]> buffer;
  while (intact) {
    if (!buffer) buffer = std::make_unique_for_overwrite<char[]>(Inbox::ordinary_size);
    const Io io = from.try_read({buffer.get(), Inbox::ordinary_size});
    if (io.ok()) {
      count += io.count;
      intact = co_await to.write_all({buffer.get(), io.count});
    } else if (io.must_wait()) {
      buffer.reset();
      intact = co_await from.wait(io.end);
    } else if (io.end == Io::End::eof) {
      co_await to.finish_writing();
      co_return;
    } else {
      intact = false;
    }
  }
  from.reset();
  to.reset();
}

}  // namespace

Task<Relayed> relay(Stream& client, Inbox& client_early, Stream& origin, Inbox& origin_early) {
  const auto executor = co_await asio::this_coro::executor;
  Relayed relayed;
  auto group = asio::experimental::make_parallel_group(
      asio::co_spawn(executor, copy(client, client_early, origin, relayed.from_client), asio::deferred),
      asio::co_spawn(executor, copy(origin, origin_early, client, relayed.from_origin), asio::deferred));
  co_await group.async_wait(asio::experimental::wait_for_all(), asio::use_awaitable_t<Executor>{});
  co_return relayed;
}

Task<void> serve_tunnel(Stream& client, Inbox& client_early, Socket origin) {
  Stream stream(std::move(origin));
  Inbox nothing;
  co_await relay(client, client_early, stream, nothing);
}

}  // namespace standin::proxy
