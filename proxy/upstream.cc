#include "proxy/upstream.h"

#include <algorithm>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "proxy/deadline.h"
#include "proxy/happy_eyeballs.h"
#include "proxy/head_scanner.h"
#include "proxy/http1_sides.h"
#include "proxy/http2_sides.h"

namespace standin::proxy {

namespace {

constexpr std::size_t max_idle_connections = 256;  // an origin; more are simply closed
constexpr std::size_t max_ahead = 32;              // connections being made before they are asked for
constexpr std::size_t many_pools = 256;
constexpr std::chrono::minutes session_kept{10};

bool is_this_machine(const Origin& origin) {
  const auto address = origin.address();
  return address ? address->is_loopback() : origin.host == "localhost" || origin.host.ends_with(".localhost");
}

Refusal unreachable(const Origin& origin, const std::string& why) {
  return {502, "upstream_unreachable", "cannot reach " + origin.to_string() + ": " + why,
          "check the network, or that the origin is up"};
}

Refusal too_slow(const Origin& origin) {
  return {504, "upstream_timeout", origin.to_string() + " did not answer in time",
          "check the network, or try again"};
}

Refusal not_trusted(const Origin& origin, const std::string& why) {
  return {502, "upstream_tls", "cannot verify " + origin.to_string() + ": " + why,
          "nothing was sent; for a company's own authority set SSL_CERT_FILE in standin's environment"};
}

/// A handshake that offered HTTP/1.1 alone failed: maybe because of that. Not every origin of HTTP/2 says so.
void learn_from_refusal(OriginPool& pool, const SSL* ssl) {
  const unsigned long error = ERR_peek_error();
  const int reason = ERR_GET_REASON(error);
  if (reason == SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL) {
    pool.speaks = OriginPool::Speaks::http2_only;
  } else if (pool.speaks == OriginPool::Speaks::unknown && !pool.answered_http1 &&
             SSL_get_verify_result(ssl) == X509_V_OK &&
             (error == 0 || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING ||
              reason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE || reason == SSL_R_TLSV1_ALERT_INTERNAL_ERROR)) {
    pool.speaks = OriginPool::Speaks::doubtful;
  }
}

/// Reads the answer to our CONNECT, byte by byte: what follows it belongs to the tunnel.
Task<unsigned> read_connect_status(Stream& stream) {
  std::string head;
  HeadScanner scanner;
  while (head.size() < 16 * 1024) {
    char byte = 0;
    const Io io = co_await stream.read_some({&byte, 1});
    if (!io.ok()) co_return 0;
    head.push_back(byte);
    const auto state = scanner.feed({&byte, 1});
    if (state == HeadScanner::State::bad) co_return 0;
    if (state == HeadScanner::State::done) {
      ResponseParser parser;
      co_return parser.parse_head(head).empty() ? parser.status : 0;
    }
  }
  co_return 0;
}

}  // namespace

Upstream::Upstream(const Executor& executor, ProxyOptions& options, Interceptor& interceptor)
    : executor_(executor),
      options_(options),
      interceptor_(interceptor),
      resolver_(executor),
      tls_(options.trust_file, options.trust_directory) {
  tls_.on_session(
      [](void* pool, OwnedSession session) { static_cast<OriginPool*>(pool)->session = std::move(session); });
}

PoolPointer Upstream::pool(const Origin& origin) {
  auto& found = pools_[origin.to_string()];
  if (!found) found = std::make_shared<OriginPool>(origin);
  found->last_used = Clock::now();
  return found;
}

const UpstreamProxy* Upstream::way_out(const Origin& origin) const noexcept {
  const auto& way = origin.scheme == Scheme::https ? options_.upstream.https : options_.upstream.http;
  if (!way || options_.upstream.no_proxy.covers(origin)) return nullptr;
  // This machine is reached directly, unless the proxy is on it too: the one of a run around this run.
  return is_this_machine(origin) && !is_this_machine(way->endpoint) ? nullptr : &*way;
}

Task<Acquired> Upstream::acquire(PoolPointer pool, Protocol client) {
  if (may_speak_http2(*pool, client)) co_return co_await acquire_http2(std::move(pool));
  auto dialed = co_await acquire_http1(*pool);
  auto* refusal = std::get_if<Refusal>(&dialed);
  if (refusal && may_speak_http2(*pool, Protocol::http1)) co_return co_await acquire_http2(std::move(pool));
  if (refusal) co_return std::move(*refusal);
  co_return std::make_unique<Http1OriginSide>(std::move(std::get<UpstreamPointer>(dialed)), *this,
                                              options_.limits);
}

UpstreamPointer Upstream::take_idle(OriginPool& pool) {
  while (!pool.idle.empty()) {
    auto connection = std::move(pool.idle.back());
    pool.idle.pop_back();
    if (connection->stream.is_quiet()) return connection;
  }
  return nullptr;
}

Task<Dialed> Upstream::acquire_http1(OriginPool& pool) {
  if (auto connection = take_idle(pool)) co_return connection;
  if (!pool.ahead.empty()) {
    auto ahead = std::move(pool.ahead.front());
    pool.ahead.pop_front();
    ahead->claimed = true;
    co_await ahead->done.wait();
    if (ahead->result) co_return std::move(*ahead->result);
  }
  co_return co_await dial(pool, ClientTls::Offer::http1);
}

void Upstream::release(UpstreamPointer connection) {
  auto& idle = connection->pool->idle;
  if (idle.size() >= max_idle_connections) return;
  connection->reused = true;
  connection->idle_since = Clock::now();
  idle.push_back(std::move(connection));
}

void Upstream::sweep(Clock::time_point now) {
  std::size_t left = pools_.size();
  std::erase_if(pools_, [&](const auto& entry) {
    const PoolPointer& pool = entry.second;
    std::erase_if(pool->idle, [&](const UpstreamPointer& c) {
      return now - c->idle_since > options_.limits.pool_idle || c->stream.peer_is_gone();
    });
    for (const auto& connection : pool->http2) {
      connection->look(now);
      const bool is_idle = connection->session.active() == 0;
      if (is_idle && now - connection->idle_since > options_.limits.pool_idle) connection->close();
    }
    const bool used = pool.use_count() > 1 || !pool->idle.empty();
    if (used || (now - pool->last_used < session_kept && left <= many_pools)) return false;
    --left;
    return true;
  });
}

bool Upstream::has_idle() const noexcept {
  return std::any_of(pools_.begin(), pools_.end(), [](const auto& entry) {
    return !entry.second->idle.empty() || !entry.second->http2.empty();
  });
}

void Upstream::stop() noexcept {
  stopped_ = true;
  for (Timer* limit : limits_) limit->cancel();
  for (const auto& [origin, pool] : pools_) {
    for (const auto& connection : pool->http2) connection->say_goodbye();
  }
}

void Upstream::prepare(PoolPointer pool, Protocol client) {
  if (may_speak_http2(*pool, client)) {
    if (pool->http2.empty()) (void)negotiate(pool);
    return;
  }
  if (!pool->idle.empty() || pool->ahead.size() >= max_ahead) return;
  auto ahead = std::make_shared<OriginPool::Ahead>(executor_);
  pool->ahead.push_back(ahead);
  asio::co_spawn(executor_, dial_ahead(std::move(pool), ahead), asio::detached);
}

Task<void> Upstream::dial_ahead(PoolPointer pool, std::shared_ptr<OriginPool::Ahead> ahead) {
  try {
    ahead->result = co_await dial(*pool, ClientTls::Offer::http1);
  } catch (const std::exception&) {
    // Out of memory. Whoever waits finds no result, and dials for itself.
  }
  ahead->done.set();
  if (ahead->claimed) co_return;
  // Whoever it was for has not come yet: it waits with the idle ones. Why it failed is told by the next try.
  pool->ahead.remove(ahead);
  if (!ahead->result) co_return;
  if (auto* connection = std::get_if<UpstreamPointer>(&*ahead->result)) release(std::move(*connection));
}

template <class T>
Task<std::optional<T>> Upstream::within_limit(Task<T> work) {
  struct Registered {
    std::unordered_set<Timer*>& all;
    Timer timer;
    ~Registered() { all.erase(&timer); }
  } limit{limits_, Timer(executor_, options_.limits.upstream_connect)};
  if (stopped_) co_return std::nullopt;
  limits_.insert(&limit.timer);
  co_return co_await within<T>(limit.timer, std::move(work));
}

Refusal Upstream::refusal_without_answer(const Origin& origin) const {
  return stopped_ ? Refusal{503, "aborted", "the run is ending", ""} : too_slow(origin);
}

Task<Dialed> Upstream::dial(OriginPool& pool, ClientTls::Offer offer) {
  auto dialed = co_await within_limit<Dialed>(dial_without_limit(pool, offer));
  if (!dialed) co_return refusal_without_answer(pool.origin);
  co_return std::move(*dialed);
}

Task<Dialed> Upstream::dial_without_limit(OriginPool& pool, ClientTls::Offer offer) {
  const Origin& origin = pool.origin;
  auto connected = co_await connect_within_limit(origin);
  if (auto* refusal = std::get_if<Refusal>(&connected)) co_return std::move(*refusal);
  auto connection = std::make_unique<UpstreamConnection>(std::move(std::get<Socket>(connected)), pool);
  if (origin.scheme == Scheme::http) {
    connection->by_proxy = way_out(origin);
    co_return connection;
  }
  OwnedSsl ssl = tls_.connect(origin, pool.session.get(), offer);
  if (!ssl) {
    co_return not_trusted(
        origin, tls_.fault().empty() ? std::string("TLS could not be set up") : std::string(tls_.fault()));
  }
  SSL_set_app_data(ssl.get(), &pool);
  connection->stream.start_tls(std::move(ssl));
  if (!co_await connection->stream.handshake()) {
    if (offer == ClientTls::Offer::http1) learn_from_refusal(pool, connection->stream.ssl());
    const std::string why = describe_handshake_failure(connection->stream.ssl(), origin);
    pool.session.reset();  // lest a session that the origin chokes on fails every attempt to come
    co_return not_trusted(origin, why);
  }
  co_return connection;
}

Task<Reached> Upstream::connect(const Origin& origin) {
  auto connected = co_await within_limit<Reached>(connect_within_limit(origin));
  if (!connected) co_return refusal_without_answer(origin);
  co_return std::move(*connected);
}

Task<Reached> Upstream::connect_to_address(const Origin& origin, const IpAddress& address) {
  std::vector<IpAddress> addresses{address};
  auto connected = co_await within_limit<Reached>(connect_to_judged(origin, std::move(addresses)));
  if (!connected) co_return refusal_without_answer(origin);
  co_return std::move(*connected);
}

Task<Reached> Upstream::connect_within_limit(const Origin& origin) {
  const UpstreamProxy* proxy = way_out(origin);
  if (!proxy) co_return co_await connect_directly(origin, false);
  co_return co_await connect_by_proxy(origin, *proxy);
}

Task<Reached> Upstream::connect_directly(const Origin& origin, bool is_company_proxy) {
  std::vector<IpAddress> addresses;
  if (const auto literal = origin.address()) {
    addresses.push_back(*literal);
  } else {
    auto answer = co_await resolver_.resolve(origin.host);
    if (answer.addresses.empty()) co_return unreachable(origin, answer.reason);
    addresses = std::move(answer.addresses);
  }
  std::optional<Refusal> refused;
  if (!is_company_proxy) {  // which the person who started standin named: no address of it is off limits
    std::erase_if(addresses, [&](const IpAddress& address) {
      auto refusal = interceptor_.check_address(origin, address);
      if (refusal) refused = std::move(refusal);
      return refused.has_value();
    });
    // One forbidden address among good ones is how a rebinding name looks: all of it is refused.
    if (refused) co_return std::move(*refused);
  }
  co_return co_await connect_to_judged(origin, std::move(addresses));
}

Task<Reached> Upstream::connect_to_judged(const Origin& origin, std::vector<IpAddress> addresses) {
  auto connected = co_await connect_to_any(std::move(addresses), origin.port, options_.connect);
  if (!connected.socket) co_return unreachable(origin, connected.reason);
  co_return std::move(*connected.socket);
}

Task<Reached> Upstream::connect_by_proxy(const Origin& origin, const UpstreamProxy& proxy) {
  // The name is the proxy's to resolve: only an origin that is an address can be judged by it here.
  if (const auto literal = origin.address()) {
    if (auto refusal = interceptor_.check_address(origin, *literal)) co_return std::move(*refusal);
  }
  auto connected = co_await connect_directly(proxy.endpoint, true);
  if (auto* refusal = std::get_if<Refusal>(&connected)) {
    refusal->message += " (the proxy that standin's environment names)";
    co_return std::move(*refusal);
  }
  if (origin.scheme == Scheme::http) co_return connected;
  Stream stream(std::move(std::get<Socket>(connected)));
  const std::string authority =
      (origin.host.find(':') == origin.host.npos ? origin.host : "[" + origin.host + "]") + ":" +
      std::to_string(origin.port);
  WipingBuffer head;
  append(head, "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n");
  if (!proxy.authorization.empty()) {
    append(head, "Proxy-Authorization: ");
    append(head, view(proxy.authorization));
    append(head, "\r\n");
  }
  append(head, "\r\n");
  if (!co_await stream.write_all(view(head))) co_return unreachable(origin, "the company's proxy hung up");
  const unsigned status = co_await read_connect_status(stream);
  if (status / 100 != 2) {
    co_return unreachable(origin, status ? "the company's proxy answered " + std::to_string(status)
                                         : std::string("the company's proxy gave no answer"));
  }
  co_return std::move(stream.socket());
}

}  // namespace standin::proxy
