#include "proxy/http1_sides.h"

#include "proxy/relayed_head.h"

namespace standin::proxy {

namespace {

/// A piece of body this small is written in one piece with the head.
constexpr std::size_t join_limit = 16 * 1024;

}  // namespace

Http1ClientSide::Http1ClientSide(Client& client, RequestParser& request)
    : client_(client), request_(request) {
  method = request.method;
  target = request.target;
}

std::optional<std::uint64_t> Http1ClientSide::declared_length() const noexcept {
  const auto length = request_.content_length();
  return length ? std::optional<std::uint64_t>(*length) : std::nullopt;
}

bool Http1ClientSide::take_body(BodyPieces& into) {
  const auto consumed = request_.parse_body(client_.inbox.bytes(), into);
  if (!consumed) return false;
  client_.inbox.consume(*consumed);
  if (request_.is_done()) into.finish();
  return true;
}

Task<BodyRead> Http1ClientSide::read_body(BodyPieces& into) {
  // The head's fields are views into what the inbox read, and may not have been sent yet: a body that is
  // waited for would be written over them.
  if (!head_) head_ = client_.inbox.detach();
  Inbox& inbox = client_.inbox;
  const Io io = co_await client_.stream.read_some(much_comes_ ? inbox.wide_space() : inbox.space());
  if (!io.ok()) co_return BodyRead::gone;
  much_comes_ = io.count >= Inbox::full_read;
  client_.inbox.commit(io.count);
  co_return take_body(into) ? BodyRead::ok : BodyRead::malformed;
}

Task<bool> Http1ClientSide::write_interim(const ResponseHead& head) {
  std::string interim;
  write_response_head(interim, head, Framing::none, {}, request_.version, Persistence::keep_alive);
  client_.watch.silent_looks = 0;
  co_return co_await client_.stream.write_all(interim);
}

Framing Http1ClientSide::begin_response(const ResponseHead& head, Framing framing, Reframed reframed) {
  const bool knows_chunks = request_.version >= 11;
  framing_ = framing;
  if (reframed.changed && framing != Framing::none)
    framing_ = reframed.length ? Framing::length : Framing::chunked;
  if (framing_ == Framing::chunked && !knows_chunks) framing_ = Framing::until_close;
  // Nor where the answer came before the request's end: how much of that is still to come is not known.
  if (framing_ == Framing::until_close || !request_.keep_alive() || !request_.is_done())
    promised_ = Persistence::close;
  write_response_head(out_, head, framing_, reframed, request_.version, promised_);
  return framing_;
}

Task<bool> Http1ClientSide::write_body(BodyPieces& pieces) {
  std::string_view piece = pieces.bytes();
  client_.watch.silent_looks = 0;
  if (!out_.empty()) {
    if (piece.size() <= join_limit) {
      out_.append(piece);
      piece = {};
    }
    if (!co_await client_.stream.write_all(out_)) co_return false;
    out_.clear();
  }
  // Not `co_return piece.empty() || co_await …`: g++ 12 awaits in any case.
  if (piece.empty()) co_return true;
  co_return co_await client_.stream.write_all(piece);
}

Task<void> Http1ClientSide::refuse(const Refusal& refusal) {
  persistence_ = co_await send_refusal(client_, request_, refusal);
}

void Http1ClientSide::finish() { persistence_ = request_.is_done() ? promised_ : Persistence::close; }

void Http1ClientSide::abort() noexcept {
  if (framing_ == Framing::until_close) {
    client_.stream.reset();
  } else {
    client_.stream.abort();
  }
}

Task<bool> Http1OriginSide::write_head(const RequestHead& head, Framing framing, Reframed reframed,
                                       BodyPieces& first) {
  is_head_request_ = head.method == "HEAD";
  if (may_hang_up_on_http1() && !(first.ended() && is_idempotent(head.method))) {
    // Once it had hung up, nobody could tell whether it has acted on this.
    unsent_ = co_await upstream_.speaks_only_http2(upstream_.pool(connection_->pool->origin));
    if (unsent_) co_return false;
  }
  WipingBuffer out;
  write_request_head(out, head, connection_->pool->origin, framing, reframed, connection_->by_proxy);
  append(out, first.bytes());
  co_return co_await connection_->stream.write_all(view(out));
}

Task<bool> Http1OriginSide::write_body(BodyPieces& pieces) {
  return connection_->stream.write_all(pieces.bytes());
}

/// TLS was agreed on without a protocol, though HTTP/1.1 was offered, and nothing was ever answered in it: so
/// begin origins that speak HTTP/2 alone and do not say so by an alert (RFC 7301 3.2).
bool Http1OriginSide::may_hang_up_on_http1() const noexcept {
  const OriginPool& pool = *connection_->pool;
  return !pool.answered_http1 && pool.speaks == OriginPool::Speaks::unknown && connection_->stream.is_tls() &&
         !has_chosen_protocol(connection_->stream.ssl());
}

Task<Answer> Http1OriginSide::read_head(ResponseHead& into) {
  if (unsent_) co_return Answer::unprocessed;
  response_.emplace();
  const HeadRead read = co_await proxy::read_head(connection_->stream, inbox_, limits_.max_head_bytes);
  began_ = began_ || !inbox_.empty();
  OriginPool& pool = *connection_->pool;
  if (read.end != HeadRead::End::whole) {
    const bool is_none = read.end == HeadRead::End::nothing || read.end == HeadRead::End::cut;
    if (!is_none || began_) co_return Answer::malformed;
    if (may_hang_up_on_http1()) unsent_ = co_await upstream_.speaks_only_http2(upstream_.pool(pool.origin));
    co_return unsent_ ? Answer::unprocessed : Answer::none;
  }
  if (is_head_request_) response_->skip(true);
  const auto bytes = inbox_.bytes().substr(0, read.length);
  if (!response_->parse_head(bytes).empty() || !response_->check_framing().empty())
    co_return Answer::malformed;
  inbox_.consume(read.length);
  pool.answered_http1 = true;
  into.status = response_->status;
  into.reason = response_->reason;
  into.fields = std::move(response_->fields);
  co_return Answer::head;
}

bool Http1OriginSide::take_body(BodyPieces& into) {
  if (!response_->is_done()) {
    const auto consumed = response_->parse_body(inbox_.bytes(), into);
    if (!consumed) return false;
    inbox_.consume(*consumed);
    if (ended_ && !response_->is_done() && !response_->end_of_input(into)) return false;
  }
  if (response_->is_done()) into.finish();
  return true;
}

Task<BodyRead> Http1OriginSide::read_body(BodyPieces& into) {
  const Io io = co_await connection_->stream.read_some(much_comes_ ? inbox_.wide_space() : inbox_.space());
  much_comes_ = io.count >= Inbox::full_read;
  if (io.ok()) {
    inbox_.commit(io.count);
  } else if (io.end == Io::End::eof) {
    ended_ = true;
  } else {
    co_return BodyRead::gone;
  }
  co_return take_body(into) ? BodyRead::ok : BodyRead::malformed;
}

void Http1OriginSide::finish(bool request_is_whole) {
  // Only a connection that took the whole request may carry another: the next head would end an unfinished
  // body.
  if (request_is_whole && response_->keep_alive() && inbox_.empty())
    upstream_.release(std::move(connection_));
}

}  // namespace standin::proxy
