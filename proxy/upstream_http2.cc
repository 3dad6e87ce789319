// Connections to origins that carry many requests at once (RFC 9113 9.1).
#include <algorithm>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "proxy/http1_sides.h"
#include "proxy/http2_sides.h"
#include "proxy/upstream.h"

namespace standin::proxy {

namespace {

/// More than that, and requests wait their turn instead (nghttp2 has them wait).
constexpr std::ptrdiff_t most_connections = 16;

std::shared_ptr<Http2Connection> with_room(const OriginPool& pool) {
  const auto& all = pool.http2;
  const auto free = std::find_if(all.begin(), all.end(), [](const auto& c) { return c->session.has_room(); });
  if (free != all.end()) return *free;
  const auto usable = [](const auto& c) { return c->session.takes_requests(); };
  if (std::count_if(all.begin(), all.end(), usable) < most_connections) return nullptr;
  return *std::min_element(all.begin(), all.end(), [&](const auto& a, const auto& b) {
    return std::pair(!usable(a), a->session.active()) < std::pair(!usable(b), b->session.active());
  });
}

}  // namespace

bool Upstream::may_speak_http2(const OriginPool& pool, Protocol client) const noexcept {
  using Speaks = OriginPool::Speaks;
  if (pool.speaks == Speaks::http2_only || pool.speaks == Speaks::doubtful) return true;
  if (client != Protocol::http2 || pool.speaks == Speaks::http1) return false;
  // In plain HTTP the client's own certainty has to do (RFC 9113 3.3); a company's proxy knows no such thing.
  return pool.origin.scheme == Scheme::https || way_out(pool.origin) == nullptr;
}

std::unique_ptr<OriginSide> Upstream::acquire_now(const PoolPointer& pool, Protocol client) {
  if (may_speak_http2(*pool, client)) {
    auto connection = with_room(*pool);
    if (!connection) return nullptr;
    return std::make_unique<Http2OriginSide>(std::move(connection), pool);
  }
  auto connection = take_idle(*pool);
  if (!connection) return nullptr;
  return std::make_unique<Http1OriginSide>(std::move(connection), *this, options_.limits);
}

Task<Acquired> Upstream::acquire_http2(PoolPointer pool) {
  while (pool->speaks != OriginPool::Speaks::http1) {
    if (auto connection = with_room(*pool))
      co_return std::make_unique<Http2OriginSide>(std::move(connection), std::move(pool));
    const auto negotiation = negotiate(pool);
    co_await negotiation->done.wait();
    if (negotiation->refusal) co_return *negotiation->refusal;
  }
  co_return co_await acquire(std::move(pool), Protocol::http1);
}

Task<bool> Upstream::speaks_only_http2(PoolPointer pool) {
  if (pool->speaks == OriginPool::Speaks::unknown) pool->speaks = OriginPool::Speaks::doubtful;
  if (pool->speaks == OriginPool::Speaks::doubtful) {
    const auto negotiation = negotiate(pool);
    co_await negotiation->done.wait();
  }
  co_return pool->speaks == OriginPool::Speaks::http2_only;
}

std::shared_ptr<OriginPool::Negotiation> Upstream::negotiate(const PoolPointer& pool) {
  if (pool->negotiation) return pool->negotiation;
  const auto negotiation = std::make_shared<OriginPool::Negotiation>(executor_);
  pool->negotiation = negotiation;
  // Which may have ended when this returns.
  asio::co_spawn(executor_, dial_negotiating(pool, negotiation), asio::detached);
  return negotiation;
}

Task<void> Upstream::dial_negotiating(PoolPointer pool,
                                      std::shared_ptr<OriginPool::Negotiation> negotiation) {
  const bool only = pool->speaks == OriginPool::Speaks::http2_only;
  Dialed dialed;
  try {
    dialed = co_await dial(*pool, only ? ClientTls::Offer::http2 : ClientTls::Offer::both);
  } catch (const std::exception&) {
    // Out of memory: an empty refusal.
  }
  UpstreamPointer connection;
  const bool was_doubtful = pool->speaks == OriginPool::Speaks::doubtful;
  if (auto* refusal = std::get_if<Refusal>(&dialed)) {
    if (was_doubtful) pool->speaks = OriginPool::Speaks::unknown;
    negotiation->refusal = std::move(*refusal);
  } else {
    connection = std::move(std::get<UpstreamPointer>(dialed));
    const bool is_http2 =
        !connection->stream.is_tls() || chosen_protocol(connection->stream.ssl()) == Protocol::http2;
    if (!is_http2) {
      pool->speaks = OriginPool::Speaks::http1;
      release(std::move(connection));
    } else if (was_doubtful) {
      pool->speaks = OriginPool::Speaks::http2_only;
    }
  }
  if (connection && !stopped_) {
    const auto http2 = std::make_shared<Http2Connection>(connection->stream, executor_,
                                                         Http2Session::Role::client, options_.limits);
    http2->idle_since = Clock::now();
    pool->http2.push_back(http2);
    asio::co_spawn(executor_, keep(pool, std::move(connection), http2), asio::detached);
  }
  pool->negotiation.reset();
  negotiation->done.set();
}

Task<void> Upstream::keep(PoolPointer pool, UpstreamPointer connection,
                          std::shared_ptr<Http2Connection> http2) {
  Inbox inbox;
  const std::function<void()> heard = [&] {
    if (!http2->has_ended()) return;
    http2->last_words();
    connection->stream.abort();
  };
  co_await Http2Connection::run(http2, inbox, heard);
  std::erase(pool->http2, http2);
}

}  // namespace standin::proxy
