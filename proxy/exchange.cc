#include "proxy/exchange.h"

#include <array>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>

#include "proxy/recorded.h"
#include "proxy/relayed_head.h"
#include "proxy/tunnel.h"

namespace standin::proxy {

namespace {

/// A response body this small is written in one piece with its head.
constexpr std::size_t join_limit = 16 * 1024;
/// Interim responses to one request: 102 every few seconds is how a long WebDAV operation answers.
constexpr unsigned most_interim_responses = 1000;

enum class Upload : std::uint8_t {
  done,         // all of the body is with the origin
  client_gone,  // the client's connection ended before its body did
  malformed,    // what came is no body
  broken_off,   // the origin takes no more, or has answered before it had all
};

enum class Download : std::uint8_t {
  done,       // the response is with the client, whole
  no_answer,  // the origin ended without a byte of one
  malformed,  // what the origin sent is no response
  cut,        // the response broke off after its head went to the client
  client_gone,
  switched,       // 101: the connection now speaks something else
  proxy_refused,  // the company's proxy, not the origin, answered: 407
};

/// The request's body goes on after the head while the response already comes; the response's end is the
/// exchange's.
struct EndWithResponse {
  asio::cancellation_type operator()(std::exception_ptr fault, Upload) const noexcept {
    return fault ? asio::cancellation_type::all : asio::cancellation_type::none;
  }
  asio::cancellation_type operator()(std::exception_ptr, Download) const noexcept {
    return asio::cancellation_type::all;
  }
};

/// What the parts of one exchange share. Lives in forward()'s frame.
struct Transfer {
  Transfer(Client& c, RequestParser& r, const RequestHead& h, const Limits& l)
      : client(c), request(r), head(h), limits(l), may_switch(r.version >= 11 && wants_upgrade(h)) {}

  Client& client;
  RequestParser& request;
  const RequestHead& head;
  const Limits& limits;
  const bool may_switch;  // the client asked for another protocol
  UpstreamPointer origin;
  Inbox origin_inbox;
  BodyPieces request_body{Framing::none};
  ResponseParser response;
  Framing framing = Framing::none;                    // of the response, as the client gets it
  Persistence persistence = Persistence::keep_alive;  // of the client's connection, as promised in the head
  std::uint64_t response_bytes = 0;
  bool response_began = false;  // a byte of it came
  bool answered = false;        // download() has ended: upload() must, too

  Task<bool> to_client(std::string_view bytes) {
    client.watch.silent_looks = 0;
    return client.stream.write_all(bytes);
  }
};

/// Reads on from the client into the request's body.
Task<Upload> upload(Transfer& t) {
  // Cancelled when the response has ended. An exception then, at whichever co_await comes next, would end the
  // connection under an answer that the client has yet to read: `answered` says it instead.
  co_await asio::this_coro::throw_if_cancelled(false);
  bool starved = t.client.inbox.empty();
  while (!t.request.is_done()) {
    if (starved) {
      const Io io = co_await t.client.stream.read_some(t.client.inbox.space());
      if (t.answered) co_return Upload::broken_off;
      if (!io.ok()) {
        t.origin->stream.abort();
        co_return Upload::client_gone;
      }
      t.client.inbox.commit(io.count);
    }
    t.request_body.clear();
    const auto consumed = t.request.parse_body(t.client.inbox.bytes(), t.request_body);
    if (!consumed) {
      t.origin->stream.abort();
      co_return Upload::malformed;
    }
    t.client.inbox.consume(*consumed);
    const bool sent = co_await t.origin->stream.write_all(t.request_body.bytes());
    if (!sent || t.answered) co_return Upload::broken_off;
    starved = !t.request.is_done();
  }
  co_return Upload::done;
}

/// The origin's head into t.response; interim responses (RFC 9110 15.2) are passed on as they come.
Task<Download> read_response_head(Transfer& t) {
  for (unsigned interim_responses = 0; interim_responses < most_interim_responses; ++interim_responses) {
    const HeadRead read = co_await read_head(t.origin->stream, t.origin_inbox, t.limits.max_head_bytes);
    t.response_began = t.response_began || !t.origin_inbox.empty();
    if (read.end == HeadRead::End::bad || read.end == HeadRead::End::too_large) co_return Download::malformed;
    if (read.end != HeadRead::End::whole)
      co_return t.response_began ? Download::malformed : Download::no_answer;
    auto& response = t.response;
    if (t.request.method == "HEAD") response.skip(true);
    const auto bytes = t.origin_inbox.bytes().substr(0, read.length);
    if (!response.parse_head(bytes).empty() || !response.check_framing().empty())
      co_return Download::malformed;
    t.origin_inbox.consume(read.length);
    if (response.status == 101) {
      // Not with a body still on its way, which the other protocol would take for its own (RFC 9110 7.8).
      co_return t.may_switch&& t.request.is_done() ? Download::switched : Download::malformed;
    }
    if (response.status == 407 && t.origin->by_proxy) co_return Download::proxy_refused;
    if (response.status >= 200) co_return Download::done;
    if (t.request.version >= 11) {  // a client of HTTP/1.0 knows none
      std::string interim;
      write_response_head(interim, response, Framing::none, t.request.version, Persistence::keep_alive);
      if (!co_await t.to_client(interim)) co_return Download::client_gone;
    }
    std::destroy_at(&response);
    std::construct_at(&response);
  }
  co_return Download::malformed;
}

/// The response's body, from where the head ended. `out` holds the head, to be written with the first piece.
Task<Download> relay_response_body(Transfer& t, std::string out) {
  BodyPieces body(t.framing);
  bool origin_ended = false;
  for (;;) {
    body.clear();
    if (!t.response.is_done()) {
      const auto consumed = t.response.parse_body(t.origin_inbox.bytes(), body);
      if (!consumed) co_return Download::cut;
      t.origin_inbox.consume(*consumed);
      if (origin_ended && !t.response.is_done() && !t.response.end_of_input(body)) co_return Download::cut;
    }
    const std::string_view piece = body.bytes();
    t.response_bytes = body.payload();
    if (!out.empty() && piece.size() <= join_limit) {
      out.append(piece);
      if (!co_await t.to_client(out)) co_return Download::client_gone;
    } else {
      if (!out.empty() && !co_await t.to_client(out)) co_return Download::client_gone;
      if (!piece.empty() && !co_await t.to_client(piece)) co_return Download::client_gone;
    }
    out.clear();
    if (t.response.is_done()) co_return Download::done;
    const Io io = co_await t.origin->stream.read_some(t.origin_inbox.space());
    if (io.ok()) {
      t.origin_inbox.commit(io.count);
    } else if (io.end == Io::End::eof) {
      origin_ended = true;
    } else {
      co_return Download::cut;
    }
  }
}

Task<Download> download(Transfer& t) {
  struct Answered {
    bool& flag;
    ~Answered() { flag = true; }
  } answered{t.answered};
  const Download head = co_await read_response_head(t);
  if (head != Download::done) co_return head;
  t.framing = t.response.framing();
  if (t.framing == Framing::chunked && t.request.version < 11) t.framing = Framing::until_close;
  // Nor where the answer came before the request's end: how much of that is still to come is not known.
  if (t.framing == Framing::until_close || !t.request.keep_alive() || !t.request.is_done())
    t.persistence = Persistence::close;
  std::string out;
  write_response_head(out, t.response, t.framing, t.request.version, t.persistence);
  co_return co_await relay_response_body(t, std::move(out));
}

bool is_idempotent(std::string_view method) noexcept {  // RFC 9110 9.2.2
  static constexpr std::array<std::string_view, 6> methods = {"GET",   "HEAD", "OPTIONS",
                                                              "TRACE", "PUT",  "DELETE"};
  for (const auto m : methods) {
    if (m == method) return true;
  }
  return false;
}

bool has_response(Download how) noexcept {
  return how != Download::no_answer && how != Download::malformed && how != Download::proxy_refused;
}

Refusal refusal_for(Download how, Upload upload, const Origin& origin) {
  if (upload == Upload::malformed) {
    return {400, "bad_request", "the request's body is malformed", "the client sent chunks that are none"};
  }
  if (how == Download::malformed) {
    return {502, "upstream_protocol", origin.to_string() + " sent something that is not an HTTP response",
            ""};
  }
  if (how == Download::proxy_refused) {
    return {502, "upstream_unreachable", "the company's proxy wants other credentials (407)",
            "correct the user and password in HTTP_PROXY of standin's environment"};
  }
  return {502, "upstream_unreachable", origin.to_string() + " closed the connection without an answer",
          "try again"};
}

struct Ended {
  Download download = Download::no_answer;
  Upload upload = Upload::broken_off;
};

/// Head and body out, response in, on t.origin.
Task<Ended> exchange_once(Transfer& t, const Origin& origin) {
  bool sent = false;
  {
    WipingBuffer out;
    write_request_head(out, t.head, origin, t.origin->by_proxy);
    append(out, t.request_body.bytes());
    sent = co_await t.origin->stream.write_all(view(out));
  }
  // Where the origin closed its side it may have said why before: read on.
  if (!sent) co_return Ended{co_await download(t), Upload::broken_off};
  if (t.request.is_done()) co_return Ended{co_await download(t), Upload::done};
  const auto executor = co_await asio::this_coro::executor;
  auto group = asio::experimental::make_parallel_group(asio::co_spawn(executor, upload(t), asio::deferred),
                                                       asio::co_spawn(executor, download(t), asio::deferred));
  auto [order, upload_fault, up, download_fault, down] =
      co_await group.async_wait(EndWithResponse{}, asio::use_awaitable_t<Executor>{});
  if (download_fault) std::rethrow_exception(download_fault);
  if (upload_fault) std::rethrow_exception(upload_fault);
  if (down == Download::switched && up != Upload::done) down = Download::malformed;
  co_return Ended{down, up};
}

/// Why an exchange has no whole response; empty where it has.
std::string_view reason_of(const Ended& ended, const Client& client) noexcept {
  if (client.watch.client_left || ended.upload == Upload::client_gone ||
      ended.download == Download::client_gone) {
    return "client_gone";
  }
  if (client.stream.is_aborted()) return "aborted";
  return ended.download == Download::cut ? "upstream_cut" : "";
}

}  // namespace

void Watch::look(Clock::time_point now) noexcept {
  if (now > expires) client->abort();
  if (!origin || !client->peer_is_gone()) {
    silent_looks = 0;
  } else if (++silent_looks > 1) {
    client_left = true;
    origin->abort();
    client->abort();
  }
}

Task<HeadRead> read_head(Stream& stream, Inbox& inbox, std::size_t limit) {
  HeadScanner scanner;
  std::size_t scanned = 0;
  for (;;) {
    const auto state = scanner.feed(inbox.bytes().substr(scanned));
    scanned = inbox.bytes().size();
    if (state == HeadScanner::State::bad) co_return HeadRead{HeadRead::End::bad, 0, scanner.reason()};
    if (state == HeadScanner::State::done && scanner.length() <= limit) {
      co_return HeadRead{HeadRead::End::whole, scanner.length(), {}};
    }
    if (scanned > limit || state == HeadScanner::State::done)
      co_return HeadRead{HeadRead::End::too_large, 0, {}};
    const Io io = co_await stream.read_some(inbox.space(limit + 1));
    if (io.ok()) {
      inbox.commit(io.count);
    } else {
      co_return HeadRead{
          inbox.empty() && io.end == Io::End::eof ? HeadRead::End::nothing : HeadRead::End::cut, 0, {}};
    }
  }
}

Task<HeadRead> read_client_head(Client& client, const Limits& limits) {
  constexpr int most_empty_lines = 8;
  int empty_lines = 0;
  for (;;) {
    for (; client.inbox.bytes().starts_with("\r\n"); ++empty_lines) client.inbox.consume(2);
    if (empty_lines > most_empty_lines) co_return HeadRead{HeadRead::End::bad, 0, "no start line"};
    if (!client.inbox.empty() && client.inbox.bytes() != "\r") break;
    const Io io = client.stream.try_read(client.inbox.space());
    if (io.ok()) {
      client.inbox.commit(io.count);
    } else if (io.must_wait()) {
      client.inbox.release();
      if (!co_await client.stream.wait(io.end)) co_return HeadRead{};
    } else {
      co_return HeadRead{io.end == Io::End::eof ? HeadRead::End::nothing : HeadRead::End::cut, 0, {}};
    }
  }
  client.watch.expires = Clock::now() + limits.client_head;
  const HeadRead read = co_await read_head(client.stream, client.inbox, limits.max_head_bytes);
  client.watch.expires = Clock::time_point::max();
  co_return read;
}

Task<void> part_from(Client& client) {
  constexpr std::chrono::seconds longest{30};
  constexpr std::size_t most = 64 << 20;
  client.watch.expires = Clock::now() + longest;
  co_await client.stream.finish_writing();
  client.inbox.consume(client.inbox.bytes().size());
  for (std::size_t thrown_away = 0; thrown_away < most;) {
    const Io io = client.stream.try_read(client.inbox.space());
    if (io.ok()) {
      thrown_away += io.count;
    } else if (io.must_wait()) {
      client.inbox.release();
      if (!co_await client.stream.wait(io.end)) co_return;
    } else {
      co_return;
    }
  }
}

Task<Persistence> send_refusal(Client& client, RequestParser& request, const Refusal& refusal) {
  constexpr std::uint64_t patience = 256 * 1024;
  BodyPieces ignored(Framing::length);
  while (!request.is_done()) {
    ignored.clear();
    const auto consumed = request.parse_body(client.inbox.bytes(), ignored);
    if (!consumed) break;
    client.inbox.consume(*consumed);
    if (request.is_done()) break;
    // A client that waits for `100 Continue` will not send its body now, and one that sends chunks may be
    // waiting for us: only what has a length, and a short one, is surely on its way.
    const auto rest = request.content_length_remaining();
    if (!rest || *rest > patience || request.expects_continue) break;
    const Io io = co_await client.stream.read_some(client.inbox.space());
    if (!io.ok()) co_return Persistence::close;
    client.inbox.commit(io.count);
  }
  const bool keep = request.is_done() && request.keep_alive();
  const auto persistence = keep ? Persistence::keep_alive : Persistence::close;
  const WithBody with_body = request.method == "HEAD" ? WithBody::no : WithBody::yes;
  const std::string response = refusal_response(refusal, persistence, with_body);
  co_return co_await client.stream.write_all(response) ? persistence : Persistence::close;
}

// Longer than it should be, because it is the story of an exchange: get a connection, send, read, and what is
// owed to the client, the log and the pool for each way that can end.
Task<Persistence> forward(Client& client, RequestParser& request, const RequestHead& head, OriginPool& pool,
                          Upstream& upstream, Interceptor& interceptor, std::unique_ptr<Exchange> exchange,
                          const Limits& limits) {
  Recorded recorded(std::move(exchange), interceptor, co_await asio::this_coro::executor);
  Transfer t(client, request, head, limits);
  t.request_body.set_framing(request.framing());
  const auto refuse = [&](const Refusal& refusal) {
    recorded.outcome.reason = refusal.code;
    // The request's own target: the head's may hold a secret by now.
    interceptor.on_refused(&pool.origin, request.method, request.target, refusal);
    return send_refusal(client, request, refusal);
  };
  if (!is_sendable(head)) {
    // By name: g++ 12 destroys an aggregate made inside a co_await expression twice.
    const Refusal unusable{502, "secret_unusable", "a secret does not fit where its stand-in stands",
                           "it has a byte that would end the line"};
    co_return co_await refuse(unusable);
  }
  const auto consumed = request.parse_body(client.inbox.bytes(), t.request_body);
  if (!consumed) co_return co_await refuse(refusal_for(Download::done, Upload::malformed, pool.origin));
  client.inbox.consume(*consumed);

  Ended ended;
  for (bool again = true; again;) {
    auto dialed = co_await upstream.acquire(pool);
    if (client.stream.is_aborted()) co_return Persistence::close;  // the run has ended meanwhile
    if (const auto* refusal = std::get_if<Refusal>(&dialed)) co_return co_await refuse(*refusal);
    t.origin = std::move(std::get<UpstreamPointer>(dialed));
    const bool was_whole = request.is_done();
    client.watch.origin = &t.origin->stream;
    ended = co_await exchange_once(t, pool.origin);
    client.watch.origin = nullptr;
    // A pooled connection that its origin closed as we wrote: safe to repeat if that changes nothing.
    again = ended.download == Download::no_answer && t.origin->reused && was_whole &&
            is_idempotent(request.method) && !client.stream.is_aborted();
  }
  recorded.outcome.status = t.response.status;
  recorded.outcome.request_bytes = t.request_body.payload();
  recorded.outcome.response_bytes = t.response_bytes;
  recorded.outcome.reason = reason_of(ended, client);

  if (ended.download == Download::switched) {
    std::string response_head;
    write_response_head(response_head, t.response, Framing::none, request.version, Persistence::keep_alive);
    if (co_await client.stream.write_all(response_head)) {
      const Relayed relayed = co_await relay(client.stream, client.inbox, t.origin->stream, t.origin_inbox);
      recorded.outcome.request_bytes = relayed.from_client;
      recorded.outcome.response_bytes = relayed.from_origin;
    }
    co_return Persistence::close;
  }
  if (!has_response(ended.download)) {
    recorded.outcome.status = 0;
    if (recorded.outcome.reason.empty())
      co_return co_await refuse(refusal_for(ended.download, ended.upload, pool.origin));
  }
  if (!recorded.outcome.reason.empty()) {
    // Not an orderly end: the client must see that the body is not whole.
    if (t.framing == Framing::until_close) {
      client.stream.reset();
    } else {
      client.stream.abort();
    }
    co_return Persistence::close;
  }
  // Only a connection that took the whole request may carry another: the next head would end an unfinished
  // body.
  if (ended.upload == Upload::done && t.response.keep_alive() && t.origin_inbox.empty())
    upstream.release(std::move(t.origin));
  co_return request.is_done() ? t.persistence : Persistence::close;
}

}  // namespace standin::proxy
