#include "proxy/http2_server.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "proxy/exchange.h"
#include "proxy/http2_sides.h"
#include "proxy/request.h"

namespace standin::proxy {

namespace {

/// Lives until the last of its streams has ended: they share it.
struct Server {
  Server(Client& c, const Origin& o, const Boundary& b, const Executor& executor)
      : client(c),
        origin(o),
        boundary(b),
        pool(b.upstream.pool(o)),
        connection(
            std::make_shared<Http2Connection>(c.stream, executor, Http2Session::Role::server, b.limits)),
        ended(executor) {}

  Client& client;
  const Origin& origin;
  const Boundary& boundary;
  PoolPointer pool;
  std::shared_ptr<Http2Connection> connection;
  std::size_t open = 0;
  Change ended;  // one of the open streams has
};

Task<void> serve_stream(std::shared_ptr<Server> server, Http2StreamPointer stream) {
  struct Open {
    Server& server;
    explicit Open(Server& s) : server(s) { ++s.open; }
    ~Open() {
      if (--server.open == 0) server.ended.notify();
    }
  } const open{*server};
  Http2ClientSide side(server->connection, std::move(stream));
  RequestHead head;
  if (const auto refusal = side.read_head(head, server->origin)) {
    server->boundary.interceptor.on_refused(&server->origin, side.method, side.target, *refusal);
    co_return co_await side.refuse(*refusal);
  }
  const Boundary& boundary = server->boundary;
  Verdict verdict = judge(head, server->origin, Handling::intercept, boundary);
  if (const auto* refusal = std::get_if<Refusal>(&verdict)) co_return co_await side.refuse(*refusal);
  co_await forward(side, head, server->pool, boundary, std::move(std::get<Pass>(verdict)));
}

/// What came in one turn of reading: new requests, and what was none.
void hear(const std::shared_ptr<Server>& server) {
  Http2Session& session = server->connection->session;
  for (const std::string_view fault : session.take_faults()) {
    const Refusal refusal{400, "bad_request", "HTTP/2 that is none: " + std::string(fault),
                          "nothing of the request was sent"};
    server->boundary.interceptor.on_refused(&server->origin, {}, {}, refusal);
  }
  for (auto& stream : session.take_requests()) {
    if (stream->closed || stream->heads.empty()) continue;
    asio::co_spawn(server->connection->executor(), serve_stream(server, std::move(stream)), asio::detached);
  }
}

}  // namespace

Task<void> serve_http2(Client& client, const Origin& origin, const Boundary& boundary) {
  constexpr std::chrono::seconds farewell{30};
  const Executor executor = client.stream.socket().get_executor();
  const auto server = std::make_shared<Server>(client, origin, boundary, executor);
  struct Watched {
    Watch& watch;
    ~Watched() { watch.http2 = nullptr; }
  } const watched{client.watch};
  client.watch.http2 = server->connection.get();
  const std::function<void()> heard = [&] {
    hear(server);
    // A client that does not read must not keep its last words here for ever.
    if (server->connection->has_ended()) client.watch.expires = Clock::now() + farewell;
  };
  co_await Http2Connection::run(server->connection, client.inbox, heard);
  hear(server);
  while (server->open > 0) co_await server->ended.wait();
}

}  // namespace standin::proxy
