#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "proxy/http2_block.h"
#include "proxy/http2_patience.h"

namespace standin::proxy {

/// One request and its response on an HTTP/2 connection: what came and was not taken yet, what is to be sent.
/// Shared by the session, until the stream is closed, and by the exchange.
struct Http2Stream {
  struct Head {
    Http2Block block;
    bool ends_stream = false;
  };

  std::int32_t id = 0;

  // What came.
  std::deque<Head> heads;  // a request's one; a response's interim ones and the final one
  std::optional<Http2Block> trailers;
  WipingBuffer arrived;    // of the body; as much as the stream's window lets come
  bool ended = false;      // all of the peer's side came
  bool too_large = false;  // its head is, and was not kept

  // How it ended.
  bool closed = false;
  bool reset_by_peer = false;
  bool reset_here = false;
  bool unprocessed = false;  // nothing was done about it, the peer says
  bool lost = false;         // the connection ended
  std::string_view fault;    // what the peer did wrong with it
  std::uint32_t error = 0;   // RFC 9113 7

  // What is to be sent. `sending` is the writer's, who waits until it is empty.
  std::string_view sending;
  bool ends_after = false;  // with it
  bool end_is_sent = false;
  std::optional<Http2Block> trailers_to_send;

  /// Called when something of the above changed, from within the session: must not call into it.
  std::function<void()> changed;

  /// Nothing more comes or goes, and it is not whole.
  [[nodiscard]] bool failed() const noexcept {
    return reset_by_peer || reset_here || lost || unprocessed || !fault.empty();
  }

  // The session's own.
  Http2Block block;           // being received
  bool is_deferred = false;   // nghttp2 waits for resume()
  bool is_abandoned = false;  // nobody will take what comes
};
using Http2StreamPointer = std::shared_ptr<Http2Stream>;

/// HTTP/2 (RFC 9113) over one connection, sans-IO: nghttp2's frames and state, with bounds on what a peer may
/// make us do. Bytes in by feed(), out by output(). The window of a stream opens only as its body is taken,
/// so that a slow reader on one side slows down the writer on the other.
class Http2Session {
 public:
  enum class Role : std::uint8_t { server, client };
  explicit Http2Session(Role role);
  ~Http2Session();
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  /// False: the connection is over, after what output() still gives.
  bool feed(std::string_view bytes);
  /// Appends what is to be written now, up to about `most` bytes.
  void output(WipingBuffer& into, std::size_t most);
  /// Nothing more will be read or written.
  [[nodiscard]] bool is_over() const noexcept;
  /// The connection has ended: so has every stream.
  void lose() noexcept;
  /// No new streams; those that are open end with `error` unless it is NO_ERROR.
  void go_away(std::uint32_t error) noexcept;

  /// A peer that is too slow, or too busy with nothing: GOAWAY, ENHANCE_YOUR_CALM.
  void calm(std::string_view why);
  /// A PING: whoever is there answers it.
  void ask() noexcept;
  [[nodiscard]] Http2Patience& patience() noexcept { return patience_; }

  // Of a server.
  /// Requests whose heads came since the last call.
  std::vector<Http2StreamPointer> take_requests() { return std::exchange(requests_, {}); }
  void respond(Http2Stream& stream, const Http2Block& head, bool ends);
  void interim(Http2Stream& stream, const Http2Block& head);
  /// What was wrong with streams nobody was told of, or with the connection, in words; once each.
  std::vector<std::string_view> take_faults() { return std::exchange(faults_, {}); }

  // Of a client.
  /// Null: the connection takes no more.
  Http2StreamPointer request(const Http2Block& head, bool ends);
  [[nodiscard]] bool has_room() const noexcept;
  [[nodiscard]] bool takes_requests() const noexcept { return !going_away_ && !lost_; }

  // Of both.
  [[nodiscard]] std::size_t active() const noexcept { return streams_.size(); }
  [[nodiscard]] std::uint64_t streams_seen() const noexcept { return seen_; }
  /// `sending`, `ends_after` or `trailers_to_send` changed.
  void resume(Http2Stream& stream);
  /// So much of the body was passed on.
  void taken(Http2Stream& stream, std::size_t count);
  void reset(Http2Stream& stream, std::uint32_t error) noexcept;
  /// Nobody takes what still comes of it.
  void abandon(Http2Stream& stream) noexcept;

 private:
  struct Callbacks;
  Http2StreamPointer find(std::int32_t id) const;
  void tell(std::string_view fault);
  void tell_of_connection(std::string_view fault);
  void close(std::int32_t id, std::uint32_t error);
  void receive(const nghttp2_frame& frame);
  void receive_head(Http2Stream& stream, const nghttp2_frame& frame);

  const Role role_;
  Http2Patience patience_;
  nghttp2_session* session_ = nullptr;
  std::unordered_map<std::int32_t, Http2StreamPointer> streams_;
  std::vector<Http2StreamPointer> requests_;
  std::vector<std::string_view> faults_;
  std::uint64_t seen_ = 0;
  std::uint64_t resets_ = 0;      // by the peer, or for what it did
  std::uint64_t empty_data_ = 0;  // frames in a row
  bool connection_fault_told_ = false;
  bool is_feeding_ = false;
  std::optional<std::uint32_t> end_with_;  // as soon as what is being fed allows
  bool going_away_ = false;
  bool lost_ = false;
};

}  // namespace standin::proxy
