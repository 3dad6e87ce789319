#include "proxy/exchange.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/post.hpp>

#include "proxy/body_flow.h"
#include "proxy/http1_sides.h"
#include "proxy/relayed_head.h"
#include "proxy/tunnel.h"
#include "proxy/websocket_switch.h"

namespace standin::proxy {

namespace {

/// Interim responses to one request: 102 every few seconds is how a long WebDAV operation answers.
constexpr unsigned most_interim_responses = 1000;
/// A request body that is changed may be held this long, so that its length can be told as before.
constexpr std::size_t most_held_for_length = 64 * 1024;
/// Of a request that an origin says it did not look at, or a dead connection swallowed.
constexpr unsigned most_attempts = 16;

enum class Upload : std::uint8_t {
  done,         // all of the body is with the origin
  client_gone,  // the client's connection ended before its body did
  malformed,    // what came is no body
  refused,      // by what changes it
  broken_off,   // the origin takes no more, or has answered before it had all
};

enum class Download : std::uint8_t {
  done,       // the response is with the client, whole
  no_answer,  // the origin ended without a byte of one
  malformed,  // what the origin sent is no response
  refused,    // by what changes its body, before anything of it went to the client
  cut,        // the response broke off after its head went to the client
  client_gone,
  switched,       // 101: the connection now speaks something else
  proxy_refused,  // the company's proxy, not the origin, answered: 407
  unprocessed,    // the origin did nothing about the request, and says so
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
  Transfer(ClientSide& c, const RequestHead& h, Exchange* e) : client(c), head(h), exchange(e) {}

  ClientSide& client;
  const RequestHead& head;
  Exchange* exchange;  // may be null
  std::unique_ptr<OriginSide> origin;
  Framing request_framing = Framing::none;
  Reframed request_reframed;
  BodyFlow request_body;
  ResponseHead response;
  BodyFlow response_body;
  std::optional<Refusal> refusal;  // of the exchange or a transform, who record it
  bool body_went_on = false;       // of the request's: what came before is no longer at hand
  bool client_left = false;        // before anything was sent
  bool answered = false;           // download() has ended: upload() must, too
};

/// What was read of the request's body is made ready to be written. False: it is refused.
bool prepare_upload(Transfer& t) {
  if (auto refusal = t.request_body.turn()) {
    t.refusal = std::move(refusal);
    return false;
  }
  t.request_body.settle();
  return true;
}

/// Reads on from the client into the request's body.
Task<Upload> upload(Transfer& t) {
  // Cancelled when the response has ended. An exception then, at whichever co_await comes next, would end the
  // connection under an answer that the client has yet to read: `answered` says it instead.
  co_await asio::this_coro::throw_if_cancelled(false);
  while (!t.request_body.ended()) {
    if (t.request_body.outlet().payload() > 0) t.body_went_on = true;
    t.request_body.clear();
    BodyRead read = BodyRead::ok;
    if (!t.request_body.has_more()) read = co_await t.client.read_body(t.request_body.inlet());
    if (read == BodyRead::ok) t.body_went_on = true;
    if (t.answered) co_return Upload::broken_off;
    Upload fault = Upload::done;
    if (read != BodyRead::ok) {
      fault = read == BodyRead::gone ? Upload::client_gone : Upload::malformed;
    } else if (!prepare_upload(t)) {
      fault = Upload::refused;
    }
    if (fault != Upload::done) {
      t.origin->abort();
      co_return fault;
    }
    const bool sent = co_await t.origin->write_body(t.request_body.outlet());
    if (!sent || t.answered) co_return Upload::broken_off;
  }
  co_return Upload::done;
}

/// The origin's head into t.response; interim responses (RFC 9110 15.2) are passed on as they come.
Task<Download> read_response_head(Transfer& t) {
  for (unsigned interim_responses = 0; interim_responses < most_interim_responses; ++interim_responses) {
    t.response.clear();
    const Answer answer = co_await t.origin->read_head(t.response);
    if (answer == Answer::none) co_return Download::no_answer;
    if (answer == Answer::unprocessed) co_return Download::unprocessed;
    if (answer == Answer::malformed) co_return Download::malformed;
    if (t.response.status == 407 && t.origin->is_by_proxy()) co_return Download::proxy_refused;
    std::unique_ptr<BodyTransform> change;
    if (t.exchange) change = t.exchange->on_response(t.response);
    if (t.response.status == 101) {
      // Not with a body still on its way, which the other protocol would take for its own (RFC 9110 7.8).
      const bool asked = t.client.http1() && t.client.http1()->can_switch() && wants_upgrade(t.head);
      co_return asked&& t.origin->http1() && t.client.body_is_done() ? Download::switched
                                                                     : Download::malformed;
    }
    if (t.response.status >= 200) {
      t.response_body.change_with(std::move(change));
      co_return Download::done;
    }
    if (t.client.takes_interim() && !co_await t.client.write_interim(t.response))
      co_return Download::client_gone;
  }
  co_return Download::malformed;
}

void change_trailers(Transfer& t) {
  if (!t.exchange || !t.response_body.ended()) return;
  for (BodyPieces::Trailer& trailer : t.response_body.outlet().trailers()) {
    auto changed = t.exchange->on_response_trailer({trailer.name, view(trailer.value)});
    if (changed) trailer.value = std::move(*changed);
  }
}

bool is_short(const ResponseHead& head) noexcept {
  const Field* length = find_field(head.fields, "content-length");
  std::uint64_t value = 0;
  if (!length) return false;
  const char* const end = length->value.data() + length->value.size();
  return std::from_chars(length->value.data(), end, value).ec == std::errc{} && value <= most_held_for_length;
}

/// The beginning of the response's body, and the head as the client will get it. A changed body that is all
/// at hand has a length again, and not every client takes one without: the head of a short one waits for the
/// first piece, which nearly always is all of it.
Task<Download> begin_response(Transfer& t) {
  BodyFlow& body = t.response_body;
  const Framing framing = t.origin->body_framing();
  // The length of a body that is not sent would be that of the body as it was.
  const bool tells_of_a_body =
      framing != Framing::none || t.head.method == "HEAD" || t.response.status == 304;
  Reframed reframed{body.is_changed() && tells_of_a_body, std::nullopt};
  if (framing == Framing::none) body.change_with(nullptr);
  if (!body.is_changed()) {
    body.outlet().set_framing(t.client.begin_response(t.response, framing, reframed));
    co_return t.origin->take_body(body.inlet()) ? Download::done : Download::cut;
  }
  bool sound = t.origin->take_body(body.inlet());
  if (sound) t.refusal = body.turn();
  if (sound && !t.refusal && !body.is_finished() && framing == Framing::length && is_short(t.response)) {
    t.response.own();
    sound = co_await t.origin->read_body(body.inlet()) == BodyRead::ok;
    if (sound) t.refusal = body.turn();
  }
  if (t.refusal) co_return Download::refused;
  // With trailers it goes in chunks: in HTTP/1.1 a length leaves no room for them.
  if (framing == Framing::length && body.is_finished() && !body.has_trailers()) reframed.length = body.kept();
  body.outlet().set_framing(t.client.begin_response(t.response, framing, reframed));
  co_return sound ? Download::done : Download::cut;
}

/// The rest of it. The head goes out with the first piece.
Task<Download> relay_response_body(Transfer& t) {
  BodyFlow& body = t.response_body;
  for (;;) {
    body.settle();
    change_trailers(t);
    if (!co_await t.client.write_body(body.outlet())) co_return Download::client_gone;
    if (body.ended()) co_return Download::done;
    body.clear();
    if (!body.has_more() && co_await t.origin->read_body(body.inlet()) != BodyRead::ok)
      co_return Download::cut;
    t.refusal = body.turn();
    if (t.refusal) co_return Download::cut;
  }
}

Task<Download> download(Transfer& t) {
  struct Answered {
    bool& flag;
    ~Answered() { flag = true; }
  } answered{t.answered};
  const Download head = co_await read_response_head(t);
  if (head != Download::done) co_return head;
  const Download begun = co_await begin_response(t);
  if (begun != Download::done) co_return begun;
  co_return co_await relay_response_body(t);
}

/// A body that means nothing to its method (RFC 9110 9.3) is what some origins leave unread, and then take
/// for the next request: with the head behind it, secret and all, for whatever its last line makes of that.
/// None is sent behind one.
bool may_be_left_unread(const Transfer& t) noexcept {
  static constexpr std::array<std::string_view, 5> methods = {"GET", "HEAD", "OPTIONS", "TRACE", "DELETE"};
  return t.request_framing != Framing::none &&
         std::find(methods.begin(), methods.end(), t.client.method) != methods.end();
}

Refusal refusal_for(Download how, Upload upload, const Origin& origin) {
  if (upload == Upload::malformed)
    return {400, "bad_request", "the request's body is malformed", "what the client sent of it is none"};
  if (how == Download::malformed) {
    return {502, "upstream_protocol", origin.to_string() + " sent something that is not an HTTP response",
            ""};
  }
  if (how == Download::proxy_refused) {
    return {502, "upstream_unreachable", "the company's proxy wants other credentials (407)",
            "correct the user and password in HTTP_PROXY of standin's environment"};
  }
  if (how == Download::unprocessed) {
    return {502, "upstream_unreachable", origin.to_string() + " did nothing about the request, it says",
            "try again: the request's body had begun, and so could not be sent once more"};
  }
  return {502, "upstream_unreachable", origin.to_string() + " closed the connection without an answer",
          "try again"};
}

struct Ended {
  Download download = Download::no_answer;
  Upload upload = Upload::broken_off;

  [[nodiscard]] bool has_response() const noexcept {
    return download == Download::done || download == Download::cut || download == Download::client_gone ||
           download == Download::switched;
  }
};

/// Head and body out, response in, on t.origin.
Task<Ended> exchange_once(Transfer& t) {
  t.answered = false;
  const bool sent =
      co_await t.origin->write_head(t.head, t.request_framing, t.request_reframed, t.request_body.outlet());
  // Where the origin closed its side it may have said why before: read on.
  if (!sent) co_return Ended{co_await download(t), Upload::broken_off};
  if (t.request_body.ended()) co_return Ended{co_await download(t), Upload::done};
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
std::string reason_of(const Ended& ended, const Transfer& t) {
  if (t.client.has_left() || ended.upload == Upload::client_gone || ended.download == Download::client_gone)
    return "client_gone";
  if (t.client.is_aborted()) return "aborted";
  if (t.refusal) return t.refusal->code;
  return ended.download == Download::cut ? "upstream_cut" : "";
}

/// The first of the request's body, as far as it has come. False: it is refused, or none.
bool begin_request_body(Transfer& t) {
  BodyFlow& body = t.request_body;
  t.request_framing = t.client.body_framing();
  if (t.request_framing == Framing::none) body.change_with(nullptr);
  if (!t.client.take_body(body.inlet())) {
    t.client_left = t.client.has_left();
    return false;
  }
  t.refusal = body.turn();
  return !t.refusal;
}

/// A short body that is changed is waited for, because many origins take none of unknown length.
bool waits_for_body(const Transfer& t) noexcept {
  const bool may_grow = !t.client.body_is_done() || t.request_body.has_more();
  return t.request_body.is_changed() && may_grow && !t.client.expects_continue() &&
         t.client.declared_length().value_or(most_held_for_length + 1) <= most_held_for_length &&
         t.request_body.kept() <= most_held_for_length;
}

/// False: it is refused, or none, or the client left.
Task<bool> hold_request_body(Transfer& t) {
  while (waits_for_body(t)) {
    BodyRead read = BodyRead::ok;
    if (!t.request_body.has_more()) read = co_await t.client.read_body(t.request_body.inlet());
    t.client_left = read == BodyRead::gone;
    if (read != BodyRead::ok) co_return false;
    t.refusal = t.request_body.turn();
    if (t.refusal) co_return false;
  }
  co_return true;
}

/// How the rest of it will be framed.
void frame_request_body(Transfer& t) {
  if (t.request_body.is_changed()) {
    // A body that was read may still become longer.
    const bool whole = t.client.body_is_done() && !t.request_body.has_more();
    t.request_reframed.changed = true;
    if (whole) t.request_reframed.length = t.request_body.kept();
    t.request_framing = whole ? Framing::length : Framing::chunked;
  }
  t.request_body.settle();
}

/// 101: what follows is not HTTP.
Task<void> switch_protocols(Transfer& t, const Origin& origin, Interceptor& interceptor, Outcome& outcome) {
  auto watching = watch_websocket(t.exchange, t.response, origin);
  if (const auto* refusal = std::get_if<Refusal>(&watching)) {
    outcome.status = 0;
    outcome.reason = refusal->code;
    interceptor.on_refused(&origin, t.client.method, t.client.target, *refusal);
    co_return co_await t.client.refuse(*refusal);
  }
  const auto watched = std::move(std::get<std::unique_ptr<WatchedWebSocket>>(watching));
  const Passages passages = watched ? watched->passages() : Passages{};
  Client& client = t.client.http1()->client();
  Http1OriginSide& from = *t.origin->http1();
  if (!co_await t.client.write_interim(t.response)) co_return;
  const Relayed relayed = co_await relay(client.stream, client.inbox, from.stream(), from.inbox(), passages);
  outcome.request_bytes = relayed.from_client;
  outcome.response_bytes = relayed.from_origin;
  const auto why = watched ? watched->why_ended() : std::nullopt;
  if (!why) co_return;
  outcome.reason = why->code;
  if (!watched->was_refused()) interceptor.on_refused(&origin, t.client.method, t.client.target, *why);
}

/// Behind whatever else is ready now.
Task<void> turn_end() {
  co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable_t<Executor>{});
}

}  // namespace

// Longer than it should be, because it is the story of an exchange: get a connection, send, read, and what is
// owed to the client, the log and the pool for each way that can end.
Task<void> forward(ClientSide& client, const RequestHead& head, const PoolPointer& pool,
                   const Boundary& boundary, Pass pass) {
  Exchange* const exchange = pass.exchange.get();
  Upstream& upstream = boundary.upstream;
  Interceptor& interceptor = boundary.interceptor;
  Recorded recorded(std::move(pass.exchange), boundary.turn_end);
  Transfer t(client, head, exchange);
  t.request_body.change_with(std::move(pass.body));
  const auto refuse = [&](const Refusal& refusal) {
    recorded.outcome.reason = refusal.code;
    // The request's own target: the head's may hold a secret by now. A refusal of the exchange or a
    // transform is its maker's to record.
    if (!t.refusal) interceptor.on_refused(&pool->origin, client.method, client.target, refusal);
    return client.refuse(refusal);
  };
  if (exchange && exchange->recording() == Recording::with_others) co_await turn_end();
  if (exchange && exchange->recording() != Recording::done) t.refusal = exchange->commit();
  if (t.refusal) co_return co_await refuse(*t.refusal);
  if (!is_sendable(head)) {
    // By name: g++ 12 destroys an aggregate made inside a co_await expression twice.
    const Refusal unusable{502, "secret_unusable", "a secret does not fit where its stand-in stands",
                           "it has a byte that would end the line"};
    co_return co_await refuse(unusable);
  }
  bool sound = begin_request_body(t);
  if (sound && waits_for_body(t)) sound = co_await hold_request_body(t);
  if (t.client_left) {
    recorded.outcome.reason = "client_gone";
    co_return client.abort();
  }
  if (!sound) {
    const Refusal fault =
        t.refusal ? *t.refusal : refusal_for(Download::done, Upload::malformed, pool->origin);
    co_return co_await refuse(fault);
  }
  frame_request_body(t);

  const auto is_given_up = [&] {  // the run has ended meanwhile, or the client has left
    if (client.has_left()) recorded.outcome.reason = "client_gone";
    return client.is_aborted();
  };
  Ended ended;
  unsigned attempts = 0;
  for (bool again = true; again;) {
    if (is_given_up()) co_return;
    t.origin = upstream.acquire_now(pool, client.protocol());
    if (!t.origin) {
      auto reached = co_await upstream.acquire(pool, client.protocol());
      if (is_given_up()) co_return;
      if (const auto* refusal = std::get_if<Refusal>(&reached)) co_return co_await refuse(*refusal);
      t.origin = std::move(std::get<std::unique_ptr<OriginSide>>(reached));
    }
    // How an unknown length is told is the connection's: HTTP/2 needs no chunks.
    t.request_body.outlet().set_framing(t.origin->http1() ? t.request_framing : Framing::length);
    const bool was_reused = t.origin->is_reused();
    client.watch(t.origin.get());
    ended = co_await exchange_once(t);
    client.watch(nullptr);
    // A pooled connection that its origin closed as we wrote: safe to repeat if that changes nothing.
    const bool repeatable =
        ended.download == Download::unprocessed ||
        (ended.download == Download::no_answer && was_reused && is_idempotent(client.method));
    again = repeatable && !t.body_went_on && ++attempts < most_attempts && !client.is_aborted();
  }
  recorded.outcome.status = t.response.status;
  recorded.outcome.request_bytes = t.request_body.outlet().payload();
  recorded.outcome.response_bytes = t.response_body.inlet().payload();
  recorded.outcome.reason = reason_of(ended, t);

  if (ended.download == Download::switched)
    co_return co_await switch_protocols(t, pool->origin, interceptor, recorded.outcome);
  if (!ended.has_response()) {
    recorded.outcome.status = 0;
    if (t.refusal) co_return co_await refuse(*t.refusal);
    if (recorded.outcome.reason.empty())
      co_return co_await refuse(refusal_for(ended.download, ended.upload, pool->origin));
  }
  if (!recorded.outcome.reason.empty()) co_return client.abort();
  client.finish();
  t.origin->finish(ended.upload == Upload::done && !may_be_left_unread(t));
}

}  // namespace standin::proxy
