#include "proxy/http2_sides.h"

#include <charconv>

#include "proxy/refusal_response.h"
#include "proxy/request.h"

namespace standin::proxy {

namespace {

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// What HTTP/2 tells by other means (RFC 9113 8.2.2), or by frames.
bool is_of_connection(std::string_view name) noexcept { return same_name(name, "transfer-encoding"); }

Http2Block response_block(const ResponseHead& head, Reframed reframed) {
  Http2Block block;
  block.add(":status", std::to_string(head.status));
  const bool never_a_body = head.status < 200 || head.status == 204;
  const HopByHop hop_by_hop(head.fields);
  for (const Field& field : head.fields) {
    if (hop_by_hop.covers(field) || is_of_connection(field.name)) continue;
    if ((never_a_body || reframed.changed) && same_name(field.name, "content-length")) continue;
    block.add(field.name, field.value);
  }
  if (reframed.length) block.add("content-length", std::to_string(*reframed.length));
  return block;
}

Http2Block request_block(const RequestHead& head, const Origin& origin, Reframed reframed) {
  using Indexed = Http2Block::Indexed;
  const auto indexed = [&](std::string_view v) {
    return head.is_replacement(v) ? Indexed::never : Indexed::yes;
  };
  Http2Block block;
  block.add(":method", head.method);
  block.add(":scheme", origin.scheme == Scheme::https ? "https" : "http");
  block.add(":authority", origin.authority());
  block.add(":path", head.target, indexed(head.target));
  const HopByHop hop_by_hop(head.fields);
  for (const Field& field : head.fields) {
    if (hop_by_hop.covers(field) || is_of_connection(field.name) || same_name(field.name, "host")) continue;
    if (same_name(field.name, "http2-settings")) continue;
    if (same_name(field.name, "te") && !same_name(field.value, "trailers")) continue;
    if (reframed.changed && same_name(field.name, "content-length")) continue;
    block.add(field.name, field.value, indexed(field.value));
  }
  if (reframed.length) block.add("content-length", std::to_string(*reframed.length));
  return block;
}

}  // namespace

Http2ClientSide::Http2ClientSide(std::shared_ptr<Http2Connection> connection, Http2StreamPointer stream)
    : head_(std::move(stream->heads.front())), channel_(std::move(connection), std::move(stream)) {
  channel_.stream().heads.clear();
  method = head_.block.value_of(":method");
  target = head_.block.value_of(":path");
}

Http2ClientSide::~Http2ClientSide() {
  const Http2Stream& stream = channel_.stream();
  if (!stream.closed && !(stream.end_is_sent && stream.ended)) channel_.reset(NGHTTP2_INTERNAL_ERROR);
}

std::optional<Refusal> Http2ClientSide::read_head(RequestHead& into, const Origin& origin) {
  if (channel_.stream().too_large)
    return Refusal{431, "bad_request", "the request's head is larger than 64 KiB", ""};
  const Http2Block& block = head_.block;
  into.method = method;
  into.target = target;
  const std::string_view authority = block.value_of(":authority");
  if (!authority.empty()) into.fields.push_back({"host", authority});
  std::size_t cookies = 0;
  std::size_t hosts = 0;
  for (std::size_t i = 0; i < block.size(); ++i) {
    const Field field = block[i];
    if (field.name.starts_with(':')) continue;
    if (field.name == "host") {
      const auto named = Origin::from_authority(origin.scheme, field.value);
      if (++hosts > 1 || !named) return bad_request("two Hosts, or one that is none");
      if (*named != origin) return misdirected(origin);
      if (!authority.empty()) continue;
    }
    if (field.name == "cookie") {
      if (++cookies > 1) cookie_ += "; ";
      cookie_ += field.value;
      if (cookies > 1) continue;
    }
    if (field.name == "expect") expects_continue_ = true;
    if (field.name == "content-length") length_ = number(field.value);
    into.fields.push_back(field);
  }
  for (Field& field : into.fields) {
    if (cookies > 1 && field.name == "cookie") field.value = cookie_;
  }
  framing_ = head_.ends_stream ? Framing::none : length_ ? Framing::length : Framing::chunked;
  if (method == "CONNECT" || (target != "*" && !target.starts_with('/')))
    return bad_request("a target that is no path");
  if (!authority.empty()) {
    const auto named = Origin::from_authority(origin.scheme, authority);
    if (!named) return bad_request("an authority that is none");
    if (*named != origin) return misdirected(origin);
  } else if (hosts == 0) {
    return bad_request("no authority");
  }
  const std::string_view scheme = block.value_of(":scheme");
  if (scheme != (origin.scheme == Scheme::https ? "https" : "http")) return misdirected(origin);
  return std::nullopt;
}

bool Http2ClientSide::take_body(BodyPieces& into) {
  if (!channel_.take(into)) return false;
  body_is_done_ = into.ended();
  return true;
}

Task<BodyRead> Http2ClientSide::read_body(BodyPieces& into) {
  const BodyRead read = co_await channel_.read(into);
  body_is_done_ = into.ended();
  co_return read;
}

Task<bool> Http2ClientSide::write_interim(const ResponseHead& head) {
  channel_.connection().session.interim(channel_.stream(), response_block(head, {}));
  channel_.connection().kick();
  co_return !channel_.stream().failed();
}

Framing Http2ClientSide::begin_response(const ResponseHead& head, Framing framing, Reframed reframed) {
  response_ = response_block(head, reframed);
  response_has_body_ = framing != Framing::none;
  return Framing::length;
}

Task<bool> Http2ClientSide::write_body(BodyPieces& pieces) {
  if (response_) {
    // gRPC tells "trailers alone" by a head that ends the stream.
    const bool is_all = pieces.ended() && pieces.bytes().empty() && pieces.trailers().empty();
    if (channel_.stream().failed()) co_return false;
    channel_.connection().session.respond(channel_.stream(), *response_, is_all || !response_has_body_);
    channel_.connection().kick();
    response_.reset();
    if (is_all || !response_has_body_) co_return true;
  }
  co_return co_await channel_.write(pieces);
}

Task<void> Http2ClientSide::refuse(const Refusal& refusal) {
  const std::string body = refusal_body(refusal);
  ResponseHead head;
  const std::string length = std::to_string(body.size());
  head.status = refusal.status;
  head.fields = {{"standin-error", refusal.code},
                 {"content-type", "application/json"},
                 {"content-length", length},
                 {"cache-control", "no-store"}};
  BodyPieces pieces(Framing::length);
  if (method != "HEAD") pieces.add(body);
  pieces.finish();
  begin_response(head, method == "HEAD" ? Framing::none : Framing::length, {});
  if (co_await write_body(pieces)) finish();
}

void Http2ClientSide::finish() {
  // Whatever still comes of the request is of no use (RFC 9113 8.1).
  if (!channel_.stream().ended) channel_.reset(NGHTTP2_NO_ERROR);
}

void Http2ClientSide::watch(OriginSide* origin) noexcept {
  if (origin) {
    channel_.on_failure = [origin] { origin->abort(); };
    if (channel_.stream().failed()) origin->abort();
  } else {
    channel_.on_failure = nullptr;
  }
}

bool Http2ClientSide::has_left() const noexcept {
  const Http2Stream& stream = channel_.stream();
  return stream.reset_by_peer || (stream.lost && !channel_.connection().said_goodbye());
}

bool Http2ClientSide::is_aborted() const noexcept {
  const Http2Stream& stream = channel_.stream();
  return stream.reset_by_peer || stream.lost || channel_.connection().said_goodbye();
}

Http2OriginSide::Http2OriginSide(std::shared_ptr<Http2Connection> connection, PoolPointer pool)
    : connection_(std::move(connection)),
      pool_(std::move(pool)),
      reused_(connection_->session.streams_seen() > 0) {}

Http2OriginSide::~Http2OriginSide() { abort(); }

Task<bool> Http2OriginSide::write_head(const RequestHead& head, Framing, Reframed reframed,
                                       BodyPieces& first) {
  is_head_request_ = head.method == "HEAD";
  const bool is_all = first.ended() && first.bytes().empty() && first.trailers().empty();
  Http2StreamPointer stream =
      connection_->session.request(request_block(head, pool_->origin, reframed), is_all);
  if (!stream) co_return false;
  channel_.emplace(connection_, std::move(stream));
  if (is_all) {
    connection_->kick();
  } else if (first.ended()) {
    channel_->start(first.bytes(), first);  // stays where it is until the exchange has ended
  } else {
    append(first_, first.bytes());
    channel_->start(view(first_), first);
  }
  co_return true;
}

Task<bool> Http2OriginSide::write_body(BodyPieces& pieces) { return channel_->write(pieces); }

Task<Answer> Http2OriginSide::read_head(ResponseHead& into) {
  if (!channel_) co_return Answer::unprocessed;
  Http2Stream& stream = channel_->stream();
  while (stream.heads.empty()) {
    if (stream.unprocessed) co_return Answer::unprocessed;
    if (stream.error == NGHTTP2_HTTP_1_1_REQUIRED) {
      pool_->speaks = OriginPool::Speaks::http1;
      co_return Answer::unprocessed;
    }
    if (stream.closed || stream.failed() || stream.ended)
      co_return began_ || !stream.fault.empty() ? Answer::malformed : Answer::none;
    if (!co_await channel_->wait()) co_return Answer::none;
  }
  began_ = true;
  const bool ends = stream.heads.front().ends_stream;
  head_ = std::move(stream.heads.front().block);
  stream.heads.pop_front();
  const auto status = number(head_.value_of(":status"));
  if (!status || *status < 100 || *status > 999 || stream.too_large) co_return Answer::malformed;
  into.status = static_cast<unsigned>(*status);
  for (std::size_t i = 0; i < head_.size(); ++i) {
    if (!head_[i].name.starts_with(':')) into.fields.push_back(head_[i]);
  }
  const bool has_length = head_.has("content-length");
  framing_ =
      has_length && !(ends && head_.value_of("content-length") != "0") ? Framing::length : Framing::chunked;
  if (is_head_request_ || into.status < 200 || into.status == 204 || into.status == 304)
    framing_ = Framing::none;
  co_return Answer::head;
}

bool Http2OriginSide::take_body(BodyPieces& into) {
  if (framing_ == Framing::none) {
    into.finish();
    return true;
  }
  return channel_->take(into);
}

Task<BodyRead> Http2OriginSide::read_body(BodyPieces& into) { return channel_->read(into); }

void Http2OriginSide::abort() noexcept {
  if (!channel_) return;
  const Http2Stream& stream = channel_->stream();
  if (!stream.closed && !(stream.ended && stream.end_is_sent)) channel_->reset(NGHTTP2_CANCEL);
}

void Http2OriginSide::finish(bool) {}

}  // namespace standin::proxy
