#include "proxy/http2_connection.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace standin::proxy {

namespace {

/// Four TLS records, and one full segment: more would only wait in the socket.
constexpr std::size_t output_turn = 64 * 1024;

}  // namespace

void Http2Connection::say_goodbye() noexcept {
  if (std::exchange(said_goodbye_, true) || !reading_) return;
  session.go_away(NGHTTP2_NO_ERROR);
  last_words();
}

bool Http2Connection::has_overdue_head(Clock::time_point now) noexcept {
  const auto head = session.patience().unfinished_head();
  if (head != std::exchange(unfinished_head_, head)) head_began_ = now;
  return head && now - head_began_ > limits_.client_head;
}

Http2Pulse::Signs Http2Connection::signs() noexcept {
  // A question of ours, or a head, is no upload.
  constexpr int upload = 16 * 1024;
  int unsent = 0;
  if (::ioctl(stream_.descriptor(), SIOCOUTQ, &unsent) != 0) unsent = 0;
  const int before = std::exchange(unsent_, unsent);
  const bool is_taking = before > upload && unsent < before;
  const bool is_waited_for = session.active() != 0;
  return {std::exchange(heard_, false), is_taking, session.patience().news() + session.streams_seen(),
          is_waited_for};
}

void Http2Connection::look(Clock::time_point now) noexcept {
  if (!reading_) return;
  session.patience().forgive();
  if (has_overdue_head(now)) {
    session.calm("a head that does not end");
    last_words();
    return stream_.abort();
  }
  if (role_ == Http2Session::Role::server) return;
  const auto next = pulse_.look(now, signs(), limits_);
  if (next == Http2Pulse::Next::ask) {
    session.ask();
    kick();
  } else if (next == Http2Pulse::Next::give_up) {
    session.lose();  // at once: nobody is to put a request on it
    stream_.abort();
  }
}

void Http2Connection::last_words() noexcept {
  try {
    WipingBuffer out;
    session.output(out, output_turn);
    (void)stream_.try_write(view(out));
  } catch (const std::exception&) {
    // Out of memory: it ends without a word.
  }
}

Task<void> Http2Connection::write(std::shared_ptr<Http2Connection> c) {
  WipingBuffer out;
  for (;;) {
    c->session.output(out, output_turn);
    if (!out.empty()) {
      const bool sent = co_await c->stream_.write_all(view(out));
      out.clear();
      if (!sent) break;
      continue;
    }
    if (!c->reading_ || c->session.is_over()) break;
    if (out.capacity() > 4096) out = {};  // an idle connection costs none
    co_await c->output_.wait();
  }
  c->writing_ = false;
  if (c->reading_) {
    c->stream_.abort();
  } else {
    c->output_.notify();
  }
}

Task<void> Http2Connection::run(std::shared_ptr<Http2Connection> c, Inbox& early,
                                std::function<void()> heard) {
  asio::co_spawn(c->executor_, write(c), asio::detached);
  bool goes_on = true;
  while (goes_on) {
    if (!early.empty()) {
      goes_on = c->session.feed(early.bytes());
      early.consume(early.bytes().size());
      heard();
      c->kick();
      if (!goes_on) break;
    }
    const Io io = c->stream_.try_read(early.space());
    if (io.ok()) {
      early.commit(io.count);
      c->heard_ = true;
    } else if (io.must_wait()) {
      early.release();
      goes_on = co_await c->stream_.wait(io.end);
    } else {
      goes_on = false;
      if (io.end == Io::End::cut) c->stream_.abort();
    }
  }
  c->session.lose();
  c->reading_ = false;
  heard();
  c->output_.notify();
  while (c->writing_) co_await c->output_.wait();
}

Http2Channel::Http2Channel(std::shared_ptr<Http2Connection> connection, Http2StreamPointer stream)
    : connection_(std::move(connection)), stream_(std::move(stream)), change_(connection_->executor()) {
  stream_->changed = [this] {
    change_.notify();
    if (stream_->failed() && on_failure) on_failure();
  };
}

Http2Channel::~Http2Channel() {
  connection_->session.taken(*stream_, lent_.size());
  connection_->session.abandon(*stream_);
  connection_->idle_since = Clock::now();
  connection_->kick();
}

void Http2Channel::give_back() {
  if (lent_.empty()) return;
  connection_->session.taken(*stream_, lent_.size());
  connection_->kick();
  lent_.clear();
}

bool Http2Channel::take(BodyPieces& into) {
  give_back();
  std::swap(lent_, stream_->arrived);
  into.add(view(lent_));
  if (stream_->ended) {
    if (stream_->trailers) {
      for (std::size_t i = 0; i < stream_->trailers->size(); ++i) {
        const Field field = (*stream_->trailers)[i];
        if (is_for_trailers(field.name)) into.add_trailer(field.name, field.value);
      }
    }
    into.finish();
    return true;
  }
  return !stream_->failed() || !lent_.empty();
}

Task<BodyRead> Http2Channel::read(BodyPieces& into) {
  // What was lent has been passed on by now: the peer may send as much again.
  give_back();
  while (stream_->arrived.empty() && !stream_->ended && !stream_->failed()) {
    const bool changed = co_await change_.wait();
    if (!changed) co_return BodyRead::gone;
  }
  // The choice is made elsewhere: with it here g++ 12 gives this coroutine and its frame two layouts.
  const BodyRead read = take_or_tell(into);
  co_return read;
}

BodyRead Http2Channel::take_or_tell(BodyPieces& into) {
  if (take(into)) return BodyRead::ok;
  return stream_->fault.empty() ? BodyRead::gone : BodyRead::malformed;
}

void Http2Channel::start(std::string_view bytes, BodyPieces& pieces) {
  if (stream_->failed()) return;
  stream_->sending = bytes;
  stream_->ends_after = pieces.ended();
  if (pieces.ended() && !pieces.trailers().empty()) {
    Http2Block& block = stream_->trailers_to_send.emplace();
    for (const BodyPieces::Trailer& trailer : pieces.trailers()) block.add(trailer.name, view(trailer.value));
  }
  connection_->session.resume(*stream_);
  connection_->kick();
}

Task<bool> Http2Channel::written() {
  struct Lent {
    Http2Stream& stream;
    ~Lent() { stream.sending = {}; }
  } const lent{*stream_};
  while (!stream_->closed && !stream_->failed() &&
         (!stream_->sending.empty() || (stream_->ends_after && !stream_->end_is_sent))) {
    if (!co_await change_.wait()) co_return false;
  }
  co_return !stream_->failed();
}

Task<bool> Http2Channel::write(BodyPieces& pieces) {
  if (!co_await written()) co_return false;
  const std::string_view bytes = pieces.bytes();
  if (bytes.empty() && !pieces.ended()) co_return true;
  start(bytes, pieces);
  co_return co_await written();
}

void Http2Channel::reset(std::uint32_t error) noexcept {
  connection_->session.reset(*stream_, error);
  connection_->kick();
  change_.notify();
}

}  // namespace standin::proxy
