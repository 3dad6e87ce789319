#pragma once

#include <list>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "proxy/asio.h"
#include "proxy/interceptor.h"
#include "proxy/proxy.h"
#include "proxy/resolver.h"
#include "proxy/sides.h"
#include "proxy/stream.h"
#include "proxy/tls.h"

namespace standin::proxy {

class Http2Connection;
class OriginPool;

/// A verified connection to an origin, between two requests or during one.
struct UpstreamConnection {
  UpstreamConnection(Socket socket, OriginPool& home) : stream(std::move(socket)), pool(&home) {}

  Stream stream;
  OriginPool* pool;                         // whoever holds the connection holds that, or is it
  bool reused = false;                      // it has carried a request before: it may have died meanwhile
  const UpstreamProxy* by_proxy = nullptr;  // plain HTTP by way of the company's proxy: absolute-form
  Clock::time_point idle_since;
};
using UpstreamPointer = std::unique_ptr<UpstreamConnection>;
/// A TCP connection to an origin, or why there is none.
using Reached = std::variant<Refusal, Socket>;
using Dialed = std::variant<Refusal, UpstreamPointer>;  // default: no answer at all
/// A connection that can take a request now, for that request.
using Acquired = std::variant<Refusal, std::unique_ptr<OriginSide>>;

/// What is kept for one origin: idle connections, those that carry many requests at once, a TLS session to
/// resume, connections being made ahead.
class OriginPool {
 public:
  explicit OriginPool(Origin o) : origin(std::move(o)) {}

  struct Ahead {
    explicit Ahead(const Executor& executor) : done(executor) {}
    Event done;
    std::optional<Dialed> result;
    bool claimed = false;
  };

  /// One that may turn out to speak HTTP/2 is being made, for all who wait.
  struct Negotiation {
    explicit Negotiation(const Executor& executor) : done(executor) {}
    Event done;
    std::optional<Refusal> refusal;
  };
  /// As far as is known: `http2` alone refuses HTTP/1.1, `http1` does not know HTTP/2. One that hung up on
  /// HTTP/1.1 without a word is `doubtful` until it was offered both.
  enum class Speaks : std::uint8_t { unknown, doubtful, http1, http2_only };

  const Origin origin;
  std::vector<UpstreamPointer> idle;
  std::vector<std::shared_ptr<Http2Connection>> http2;
  std::shared_ptr<Negotiation> negotiation;
  Speaks speaks = Speaks::unknown;
  bool answered_http1 = false;
  OwnedSession session;
  std::list<std::shared_ptr<Ahead>> ahead;
  Clock::time_point last_used;
};
using PoolPointer = std::shared_ptr<OriginPool>;  // shared with the conversations that use it

/// The way to origins: resolves, asks the interceptor, connects, verifies, keeps alive.
/// `acquire(origin)` always verifies: there is no flag to say otherwise.
class Upstream {
 public:
  Upstream(const Executor& executor, ProxyOptions& options, Interceptor& interceptor);

  PoolPointer pool(const Origin& origin);

  /// A connection that can take a request now. An idle one is looked at first: one that its origin has closed
  /// is never handed out. For a client of HTTP/2 one that speaks it, where the origin does; for one of
  /// HTTP/1.1 only where the origin speaks nothing else.
  Task<Acquired> acquire(PoolPointer pool, Protocol client);
  /// The same where one is there and nothing has to be waited for; else null.
  std::unique_ptr<OriginSide> acquire_now(const PoolPointer& pool, Protocol client);
  /// Begins to make one, for the acquire() that is about to come, unless one is there.
  void prepare(PoolPointer pool, Protocol client);
  /// Whether the origin takes HTTP/2 and hung up, or may be about to, on whoever offered HTTP/1.1 alone:
  /// finds out by offering both, which is one more connection. Where it does, every later acquire() knows.
  Task<bool> speaks_only_http2(PoolPointer pool);
  /// Takes a connection back whose last exchange ended cleanly.
  void release(UpstreamPointer connection);
  /// Closes what has been idle for too long, and forgets origins that nobody has used for long: a child may
  /// ask for any number of them.
  void sweep(Clock::time_point now);
  [[nodiscard]] bool has_idle() const noexcept;
  /// Ends every attempt to connect, and begins no other.
  void stop() noexcept;

  /// Bytes to `origin`, through the company's proxy where there is one, after the egress check of each
  /// address: for tunnels.
  Task<Reached> connect(const Origin& origin);
  /// Bytes to `address`, which the caller has had judged, at the origin's port: nothing is asked of DNS. Only
  /// for an origin that is reached directly.
  Task<Reached> connect_to_address(const Origin& origin, const IpAddress& address);
  /// Not by way of the company's proxy, which resolves names itself.
  [[nodiscard]] bool is_direct(const Origin& origin) const noexcept { return way_out(origin) == nullptr; }

 private:
  const UpstreamProxy* way_out(const Origin& origin) const noexcept;
  Task<Reached> connect_within_limit(const Origin& origin);
  Task<Reached> connect_to_judged(const Origin& origin, std::vector<IpAddress> addresses);
  Task<Reached> connect_directly(const Origin& origin, bool is_company_proxy);
  Task<Reached> connect_by_proxy(const Origin& origin, const UpstreamProxy& proxy);
  UpstreamPointer take_idle(OriginPool& pool);
  Task<Dialed> acquire_http1(OriginPool& pool);
  Task<Acquired> acquire_http2(PoolPointer pool);
  bool may_speak_http2(const OriginPool& pool, Protocol client) const noexcept;
  std::shared_ptr<OriginPool::Negotiation> negotiate(const PoolPointer& pool);
  Task<void> dial_negotiating(PoolPointer pool, std::shared_ptr<OriginPool::Negotiation> negotiation);
  Task<void> keep(PoolPointer pool, UpstreamPointer connection, std::shared_ptr<Http2Connection> http2);
  Task<Dialed> dial(OriginPool& pool, ClientTls::Offer offer);
  Task<Dialed> dial_without_limit(OriginPool& pool, ClientTls::Offer offer);
  Task<void> dial_ahead(PoolPointer pool, std::shared_ptr<OriginPool::Ahead> ahead);
  template <class T>
  Task<std::optional<T>> within_limit(Task<T> work);
  Refusal refusal_without_answer(const Origin& origin) const;

  Executor executor_;
  ProxyOptions& options_;
  Interceptor& interceptor_;
  Resolver resolver_;
  ClientTls tls_;
  std::unordered_map<std::string, PoolPointer> pools_;
  std::unordered_set<Timer*> limits_;  // of the attempts that are under way
  bool stopped_ = false;
};

}  // namespace standin::proxy
