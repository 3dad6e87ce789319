#pragma once

#include "proxy/http1.h"
#include "proxy/http2_pulse.h"
#include "proxy/http2_session.h"
#include "proxy/inbox.h"
#include "proxy/sides.h"
#include "proxy/stream.h"

namespace standin::proxy {

/// Something changed: whoever waits looks again at what it waits for.
class Change {
 public:
  explicit Change(const Executor& executor) : timer_(executor, Clock::time_point::max()) {}
  void notify() noexcept { timer_.cancel(); }
  /// False: whoever waits was cancelled.
  Task<bool> wait() {
    co_await timer_.async_wait(as_value);
    const auto state = co_await asio::this_coro::cancellation_state;
    co_return state.cancelled() == asio::cancellation_type::none;
  }

 private:
  Timer timer_;
};

/// An HTTP/2 session on a stream, which must outlive run(). Shared by run(), its writer and the exchanges.
class Http2Connection {
 public:
  Http2Connection(Stream& stream, const Executor& executor, Http2Session::Role role, const Limits& limits)
      : session(role),
        stream_(stream),
        executor_(executor),
        output_(executor),
        role_(role),
        limits_(limits),
        pulse_(Clock::now()) {}

  Http2Session session;

  /// Something is to be written.
  void kick() noexcept { output_.notify(); }
  /// The run ends: tells the peer, as far as there is room at once.
  void say_goodbye() noexcept;
  /// What is left to say, as far as there is room at once: for where it is about to be aborted.
  void last_words() noexcept;
  /// Nobody needs it any more.
  void close() noexcept {
    session.go_away(NGHTTP2_NO_ERROR);
    kick();
  }
  /// Once a second: ends it where a head does not end, or where the origin does not answer.
  void look(Clock::time_point now) noexcept;
  [[nodiscard]] bool has_ended() const noexcept { return !reading_; }
  [[nodiscard]] bool said_goodbye() const noexcept { return said_goodbye_; }
  [[nodiscard]] const Executor& executor() const noexcept { return executor_; }
  /// No exchange on it since.
  Clock::time_point idle_since;

  /// Reads and writes until the connection has ended, and so has every stream; `early` was read before.
  /// `heard` is called after each turn of reading, and once when that has ended and only writing is left.
  static Task<void> run(std::shared_ptr<Http2Connection> connection, Inbox& early,
                        std::function<void()> heard);

 private:
  static Task<void> write(std::shared_ptr<Http2Connection> connection);
  bool has_overdue_head(Clock::time_point now) noexcept;
  Http2Pulse::Signs signs() noexcept;

  Stream& stream_;
  Executor executor_;
  Change output_;
  const Http2Session::Role role_;
  const Limits& limits_;
  Http2Pulse pulse_;
  std::optional<std::uint64_t> unfinished_head_;  // at the last look
  Clock::time_point head_began_;                  // no later than a second after it did
  bool heard_ = false;                            // since the last look
  int unsent_ = 0;                                // at the last look: bytes that the other end did not take
  bool reading_ = true;
  bool writing_ = true;
  bool said_goodbye_ = false;
};

/// One exchange's hold on a stream.
class Http2Channel {
 public:
  Http2Channel(std::shared_ptr<Http2Connection> connection, Http2StreamPointer stream);
  ~Http2Channel();
  Http2Channel(const Http2Channel&) = delete;
  Http2Channel& operator=(const Http2Channel&) = delete;

  [[nodiscard]] Http2Stream& stream() noexcept { return *stream_; }
  [[nodiscard]] const Http2Stream& stream() const noexcept { return *stream_; }
  [[nodiscard]] Http2Connection& connection() noexcept { return *connection_; }
  [[nodiscard]] const Http2Connection& connection() const noexcept { return *connection_; }
  /// Where the stream has failed: told at once, from within the session.
  std::function<void()> on_failure;

  /// What came of the body, without waiting; the bytes are lent until the next call, and only then is the
  /// window opened for as many. False: it is none.
  bool take(BodyPieces& into);
  Task<BodyRead> read(BodyPieces& into);
  /// Takes what came before from whoever still has it. False: the stream ended before.
  Task<bool> write(BodyPieces& pieces);
  /// Begins to write: `bytes` must stay where they are until written() or the next write().
  void start(std::string_view bytes, BodyPieces& pieces);
  Task<bool> written();
  /// Until something comes or ends. False: cancelled.
  Task<bool> wait() { return change_.wait(); }
  void reset(std::uint32_t error) noexcept;

 private:
  void give_back();
  BodyRead take_or_tell(BodyPieces& into);

  std::shared_ptr<Http2Connection> connection_;
  Http2StreamPointer stream_;
  Change change_;
  WipingBuffer lent_;
};

}  // namespace standin::proxy
