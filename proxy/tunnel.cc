#include "proxy/tunnel.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>

#include "proxy/conduit.h"

namespace standin::proxy {

namespace {

/// One direction.
struct Way {
  Stream& from;
  Stream& to;
  Passage* passage;  // may be null
  std::uint64_t came = 0, sent = 0;
  bool writes = false;  // a write is on its way, or was the last

  /// Nothing follows. Only what fits at once is said: who does not read must not hold the other side.
  void part() noexcept {
    WipingBuffer last;
    if (passage) passage->part(last);
    if (!writes && !last.empty()) (void)to.try_write(view(last));
    to.abort();
  }
};

/// What came goes through the passage. False: it goes no further.
Task<bool> pass(Way& way, Way& back, std::string_view bytes) {
  WipingBuffer out;
  const bool goes_on = way.passage->feed(bytes, out);
  way.sent += out.size();
  way.writes = true;
  const bool intact = co_await way.to.write_all(view(out));
  way.writes = false;
  if (goes_on || !intact) co_return intact;
  way.part();
  back.part();
  co_return false;
}

Task<bool> carry(Way& way, Way& back, std::string_view bytes) {
  way.came += bytes.size();
  if (way.passage) return pass(way, back, bytes);
  way.sent += bytes.size();
  return way.to.write_all(bytes);
}

/// So many bytes are in the conduit.
Task<bool> empty(Way& way, const Conduit& conduit, std::size_t count) {
  way.came += count;
  way.sent += count;
  while (count > 0) {
    const Io io = way.to.try_write_from(conduit.exit(), count);
    count -= io.count;
    if (!io.ok() && !io.must_wait()) co_return false;
    if (io.must_wait() && !co_await way.to.wait(io.end)) co_return false;
  }
  co_return true;
}

/// When it pays to go through a pipe.
class Volume {
 public:
  explicit Volume(const Way& way) : may_pay_(!way.passage && !way.from.is_tls() && !way.to.is_tls()) {}

  void read(std::size_t count, Conduit& conduit) noexcept {
    full_ = count == Inbox::ordinary_size ? full_ + 1 : 0;
    if (may_pay_ && full_ >= enough) conduit.open();
  }
  void spliced(std::size_t count, Conduit& conduit) noexcept {
    if (count >= Inbox::ordinary_size) return;
    full_ = 0;
    conduit.close();
  }

 private:
  static constexpr unsigned enough = 4;
  bool may_pay_;
  unsigned full_ = 0;
};

/// Waits without a buffer: an idle tunnel holds none.
Task<void> copy(Way& way, Way& back, Inbox& early) {
  bool intact = early.empty() || co_await carry(way, back, early.bytes());
  early.consume(early.bytes().size());
  early.release();
  buffer_cache::Buffer buffer;
  Conduit conduit;
  Volume volume(way);
  while (intact) {
    Io io;
    if (conduit.is_open()) {
      io = way.from.try_read_into(conduit.entrance(), Conduit::capacity);
      if (io.ok()) {
        intact = co_await empty(way, conduit, io.count);
        volume.spliced(io.count, conduit);
      }
    } else {
      if (!buffer) buffer = buffer_cache::make(Inbox::ordinary_size);
      io = way.from.try_read({buffer.get(), Inbox::ordinary_size});
      if (io.ok()) {
        intact = co_await carry(way, back, {buffer.get(), io.count});
        volume.read(io.count, conduit);
      }
    }
    if (io.ok()) continue;
    if (io.must_wait()) {
      buffer.reset();
      intact = co_await way.from.wait(io.end);
    } else if (io.end == Io::End::eof) {
      way.writes = true;
      co_await way.to.finish_writing();
      co_return;
    } else {
      intact = false;
    }
  }
  // Aborted streams have parted: a reset could take back what they were told.
  if (!way.from.is_aborted()) way.from.reset();
  if (!way.to.is_aborted()) way.to.reset();
}

}  // namespace

Task<Relayed> relay(Stream& client, Inbox& client_early, Stream& origin, Inbox& origin_early,
                    Passages passages) {
  const auto executor = co_await asio::this_coro::executor;
  Way up{client, origin, passages.from_client};
  Way down{origin, client, passages.from_origin};
  auto group = asio::experimental::make_parallel_group(
      asio::co_spawn(executor, copy(up, down, client_early), asio::deferred),
      asio::co_spawn(executor, copy(down, up, origin_early), asio::deferred));
  co_await group.async_wait(asio::experimental::wait_for_all(), asio::use_awaitable_t<Executor>{});
  co_return Relayed{up.sent, down.came};
}

Task<void> serve_tunnel(Stream& client, Inbox& client_early, Socket origin) {
  Stream stream(std::move(origin));
  Inbox nothing;
  co_await relay(client, client_early, stream, nothing);
}

}  // namespace standin::proxy
