#include "proxy/http2_session.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "proxy/http2_memory.h"

namespace standin::proxy {

namespace {

constexpr std::size_t max_head_list = 64 * 1024;
/// One that is larger still is not read to its end: a few bytes of HPACK can stand for megabytes.
constexpr std::size_t max_head_effort = 4 * 1024 * 1024;
constexpr std::uint32_t max_streams = 128;
constexpr std::size_t max_heads_waiting = 64;
/// What may come before it is passed on. Towards origins more: there is a network in between. A connection
/// has room for all that its streams may hold, so that those whose readers wait hold up none of the others.
constexpr std::uint32_t server_stream_window = 256 * 1024;
constexpr std::int32_t server_connection_window = max_streams * server_stream_window;
constexpr std::uint32_t client_stream_window = 1024 * 1024;
constexpr std::uint32_t client_streams = 64;  // then another connection
constexpr std::int32_t client_connection_window = client_streams * client_stream_window;
constexpr std::uint64_t resets_forgiven = 500;
constexpr std::uint64_t empty_data_forgiven = 1000;

std::string_view text_of(const nghttp2_rcbuf* buffer) {
  const nghttp2_vec v = nghttp2_rcbuf_get_buf(const_cast<nghttp2_rcbuf*>(buffer));
  return {reinterpret_cast<const char*>(v.base), v.len};
}

/// Streams that we had to end for what came on them cost us as much as those that were taken back.
bool is_of_the_peers_making(std::uint32_t error) noexcept {
  return error == NGHTTP2_PROTOCOL_ERROR || error == NGHTTP2_FLOW_CONTROL_ERROR ||
         error == NGHTTP2_STREAM_CLOSED || error == NGHTTP2_FRAME_SIZE_ERROR;
}

nghttp2_data_provider provider_of(Http2Stream& stream, nghttp2_data_source_read_callback read) {
  nghttp2_data_provider provider;
  provider.source.ptr = &stream;
  provider.read_callback = read;
  return provider;
}

Http2Session& of(void* user_data) { return *static_cast<Http2Session*>(user_data); }

}  // namespace

struct Http2Session::Callbacks {
  /// nghttp2 is C: an exception (there is only the lack of memory) must not go through it.
  template <class F>
  static int guarded(F f) noexcept {
    try {
      return f();
    } catch (const std::bad_alloc&) {
      return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
  }

  /// Where bytes are being read: no further than this frame if it made us end the session.
  template <class F>
  static int reading(void* data, F f) noexcept {
    const int result = guarded(f);
    return of(data).end_with_ ? NGHTTP2_ERR_CALLBACK_FAILURE : result;
  }

  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* data) {
    return reading(data, [&] {
      Http2Session& s = of(data);
      if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        auto stream = std::make_shared<Http2Stream>();
        stream->id = frame->hd.stream_id;
        ++s.seen_;
        s.streams_.emplace(stream->id, std::move(stream));
      } else if (const auto stream = s.find(frame->hd.stream_id)) {
        stream->block = {};
      }
      return 0;
    });
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, nghttp2_rcbuf* name,
                       nghttp2_rcbuf* value, std::uint8_t, void* data) {
    return reading(data, [&] {
      const auto stream = of(data).find(frame->hd.stream_id);
      if (!stream) return 0;
      stream->block.add(text_of(name), text_of(value));
      if (stream->block.list_size() > max_head_effort) of(data).calm("a head of megabytes");
      return 0;
    });
  }

  static int on_invalid_header(nghttp2_session* session, const nghttp2_frame* frame, nghttp2_rcbuf*,
                               nghttp2_rcbuf*, std::uint8_t, void* data) {
    return reading(data, [&]() -> int {
      if (const auto stream = of(data).find(frame->hd.stream_id)) {
        stream->fault = "a field that is none";
        of(data).tell(stream->fault);
      }
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    });
  }

  static int on_frame_recv(nghttp2_session*, const nghttp2_frame* frame, void* data) {
    return reading(data, [&] {
      of(data).receive(*frame);
      return 0;
    });
  }

  static int on_invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int error, void* data) {
    return reading(data, [&] {
      const bool is_of_stream = error == NGHTTP2_ERR_HTTP_HEADER || error == NGHTTP2_ERR_HTTP_MESSAGING;
      const auto stream = of(data).find(frame->hd.stream_id);
      if (!is_of_stream || !stream || !stream->fault.empty()) return 0;
      stream->fault = "fields that are no HTTP/2 message";
      // What comes later of a request is the exchange's to tell.
      if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        of(data).tell(stream->fault);
      return 0;
    });
  }

  static int on_data(nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                     std::size_t size, void* data) {
    return reading(data, [&] {
      const auto stream = of(data).find(id);
      if (!stream || stream->is_abandoned) return nghttp2_session_consume(session, id, size);
      append(stream->arrived, {reinterpret_cast<const char*>(bytes), size});
      if (stream->changed) stream->changed();
      return 0;
    });
  }

  static int on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t error, void* data) {
    return reading(data, [&] {
      of(data).close(id, error);
      return 0;
    });
  }

  static int on_frame_send(nghttp2_session*, const nghttp2_frame* frame, void* data) {
    return guarded([&] {
      Http2Session& s = of(data);
      if (frame->hd.type == NGHTTP2_DATA) s.patience_.data_sent();
      if (frame->hd.type == NGHTTP2_RST_STREAM && is_of_the_peers_making(frame->rst_stream.error_code))
        ++s.resets_;
      if (frame->hd.type != NGHTTP2_GOAWAY || frame->goaway.error_code == NGHTTP2_NO_ERROR) return 0;
      s.going_away_ = true;
      s.tell_of_connection(nghttp2_http2_strerror(frame->goaway.error_code));
      return 0;
    });
  }

  static int on_frame_not_send(nghttp2_session*, const nghttp2_frame* frame, int, void* data) {
    return guarded([&] {
      if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
      if (const auto stream = of(data).find(frame->hd.stream_id)) stream->unprocessed = true;
      of(data).close(frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
      return 0;
    });
  }

  static ssize_t read_data(nghttp2_session* session, std::int32_t id, std::uint8_t* buffer, std::size_t size,
                           std::uint32_t* flags, nghttp2_data_source* source, void*) {
    auto& stream = *static_cast<Http2Stream*>(source->ptr);
    const std::size_t count = std::min(size, stream.sending.size());
    if (count == 0 && !stream.ends_after) {
      stream.is_deferred = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    if (count > 0) std::memcpy(buffer, stream.sending.data(), count);
    stream.sending.remove_prefix(count);
    if (!stream.sending.empty()) return static_cast<ssize_t>(count);
    if (stream.ends_after) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (stream.trailers_to_send) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        const auto list = stream.trailers_to_send->to_nghttp2();
        if (nghttp2_submit_trailer(session, id, list.data(), list.size()) != 0)
          return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
      }
      stream.end_is_sent = true;
    }
    if (stream.changed) stream.changed();
    return static_cast<ssize_t>(count);
  }

  static const nghttp2_session_callbacks* get() {
    static const nghttp2_session_callbacks* callbacks = [] {
      nghttp2_session_callbacks* c = nullptr;
      if (nghttp2_session_callbacks_new(&c) != 0) throw std::bad_alloc();
      nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
      nghttp2_session_callbacks_set_on_header_callback2(c, on_header);
      nghttp2_session_callbacks_set_on_invalid_header_callback2(c, on_invalid_header);
      nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame_recv);
      nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, on_invalid_frame);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
      nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
      nghttp2_session_callbacks_set_on_frame_send_callback(c, on_frame_send);
      nghttp2_session_callbacks_set_on_frame_not_send_callback(c, on_frame_not_send);
      return c;
    }();
    return callbacks;
  }

  static const nghttp2_option* options() {
    static const nghttp2_option* options = [] {
      nghttp2_option* o = nullptr;
      if (nghttp2_option_new(&o) != 0) throw std::bad_alloc();
      nghttp2_option_set_no_auto_window_update(o, 1);
      nghttp2_option_set_no_closed_streams(o, 1);   // nobody's priorities are kept
      nghttp2_option_set_max_outbound_ack(o, 200);  // PING and SETTINGS of a peer that does not read
      // nghttp2 counts a frame anew for each piece that its nine bytes come in: its own limit, 8, would end
      // a sound request that was cut small.
      nghttp2_option_set_max_continuations(o, 128);
      nghttp2_option_set_max_send_header_block_length(o, 2 * max_head_list);
      nghttp2_option_set_peer_max_concurrent_streams(o, 100);
      return o;
    }();
    return options;
  }
};

Http2Session::Http2Session(Role role)
    : role_(role),
      patience_(role == Role::server ? Http2Patience::Preface::expected : Http2Patience::Preface::none) {
  const bool is_server = role == Role::server;
  const auto make = is_server ? nghttp2_session_server_new3 : nghttp2_session_client_new3;
  if (make(&session_, Callbacks::get(), this, Callbacks::options(), wiping_memory()) != 0)
    throw std::bad_alloc();
  const std::array<nghttp2_settings_entry, 4> settings = {{
      {is_server ? NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS : NGHTTP2_SETTINGS_ENABLE_PUSH,
       is_server ? max_streams : 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, is_server ? server_stream_window : client_stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, max_head_list},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  }};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        is_server ? server_connection_window : client_connection_window);
}

Http2Session::~Http2Session() { nghttp2_session_del(session_); }

Http2StreamPointer Http2Session::find(std::int32_t id) const {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second;
}

bool Http2Session::feed(std::string_view bytes) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  const bool is_undone = role_ == Role::server && resets_ > resets_forgiven && resets_ > seen_ / 4 * 3;
  if (is_undone || !patience_.look_at(bytes)) {
    calm(is_undone ? "requests taken back over and over" : "a flood of frames that are of no use");
    return false;
  }
  is_feeding_ = true;
  const ssize_t taken = nghttp2_session_mem_recv(session_, data, bytes.size());
  is_feeding_ = false;
  if (const auto error = std::exchange(end_with_, std::nullopt)) {
    go_away(*error);
    return false;
  }
  if (taken == NGHTTP2_ERR_FLOODED) calm("a flood of frames that want an answer");
  if (taken == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS) calm("a head without end");
  if (taken < 0) {
    tell_of_connection(nghttp2_strerror(static_cast<int>(taken)));
    return false;
  }
  return nghttp2_session_want_read(session_) != 0;
}

void Http2Session::ask() noexcept { nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr); }

void Http2Session::output(WipingBuffer& into, std::size_t most) {
  while (into.size() < most) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t count = nghttp2_session_mem_send(session_, &bytes);
    if (count <= 0) return;
    append(into, {reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(count)});
  }
}

bool Http2Session::is_over() const noexcept {
  return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
}

void Http2Session::lose() noexcept {
  lost_ = true;
  const auto streams = std::exchange(streams_, {});
  for (const auto& [id, stream] : streams) {
    stream->closed = stream->lost = true;
    stream->sending = {};
    if (stream->changed) stream->changed();
  }
}

void Http2Session::go_away(std::uint32_t error) noexcept {
  going_away_ = true;
  // From within a callback nghttp2 would read on, and meet its own assertion at the next bad frame
  // (CVE-2026-27135): it is ended when it has returned.
  if (is_feeding_)
    end_with_ = error;
  else
    nghttp2_session_terminate_session(session_, error);
}

void Http2Session::tell(std::string_view fault) {
  if (role_ == Role::server) faults_.push_back(fault);
}

void Http2Session::tell_of_connection(std::string_view fault) {
  if (!std::exchange(connection_fault_told_, true)) tell(fault);
}

void Http2Session::calm(std::string_view why) {
  tell_of_connection(why);
  go_away(NGHTTP2_ENHANCE_YOUR_CALM);
}

void Http2Session::receive_head(Http2Stream& stream, const nghttp2_frame& frame) {
  Http2Stream::Head head{std::exchange(stream.block, {}), (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0};
  stream.ended = stream.ended || head.ends_stream;
  if (head.block.list_size() > max_head_list) {
    stream.too_large = true;
    head.block = {};
  }
  const bool is_trailers = role_ == Role::server
                               ? frame.headers.cat != NGHTTP2_HCAT_REQUEST
                               : frame.headers.cat == NGHTTP2_HCAT_HEADERS && !head.block.has(":status");
  if (is_trailers) {
    stream.trailers = std::move(head.block);
  } else if (stream.heads.size() >= max_heads_waiting) {
    reset(stream, NGHTTP2_ENHANCE_YOUR_CALM);
  } else {
    stream.heads.push_back(std::move(head));
  }
  if (role_ == Role::server && !is_trailers) requests_.push_back(find(stream.id));
}

void Http2Session::receive(const nghttp2_frame& frame) {
  const bool ends = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (frame.hd.type == NGHTTP2_GOAWAY) going_away_ = true;
  // Requests that are taken back as soon as they are made cost them nothing and us a request each.
  if (frame.hd.type == NGHTTP2_RST_STREAM) ++resets_;
  if (frame.hd.type == NGHTTP2_HEADERS) patience_.message_came();
  if (frame.hd.type == NGHTTP2_DATA) {
    const bool is_empty = frame.hd.length <= frame.data.padlen;
    if (!is_empty) patience_.data_came();
    empty_data_ = is_empty && !ends ? empty_data_ + 1 : 0;
    if (empty_data_ > empty_data_forgiven) calm("a flood of empty frames");
  }
  const auto stream = find(frame.hd.stream_id);
  if (!stream) return;
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
      receive_head(*stream, frame);
      break;
    case NGHTTP2_DATA:
      stream->ended = stream->ended || ends;
      break;
    case NGHTTP2_RST_STREAM:
      // With NO_ERROR behind a whole response it only asks for no more of the request (RFC 9113 8.1).
      stream->reset_by_peer = !(role_ == Role::client && stream->ended);
      break;
    default:
      return;
  }
  if (stream->changed) stream->changed();
}

void Http2Session::close(std::int32_t id, std::uint32_t error) {
  const auto stream = find(id);
  if (!stream) return;
  streams_.erase(id);
  stream->closed = true;
  stream->error = error;
  stream->sending = {};
  if (role_ == Role::client && error == NGHTTP2_REFUSED_STREAM) stream->unprocessed = true;
  if (error != NGHTTP2_NO_ERROR && !stream->failed()) stream->fault = "a body that is none";
  if (stream->changed) stream->changed();
}

void Http2Session::respond(Http2Stream& stream, const Http2Block& head, bool ends) {
  const auto list = head.to_nghttp2();
  const auto provider = provider_of(stream, Callbacks::read_data);
  if (stream.closed) return;
  nghttp2_submit_response(session_, stream.id, list.data(), list.size(), ends ? nullptr : &provider);
  stream.end_is_sent = ends;
}

void Http2Session::interim(Http2Stream& stream, const Http2Block& head) {
  const auto list = head.to_nghttp2();
  if (stream.closed) return;
  nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream.id, nullptr, list.data(), list.size(), nullptr);
}

Http2StreamPointer Http2Session::request(const Http2Block& head, bool ends) {
  if (!takes_requests()) return nullptr;
  auto stream = std::make_shared<Http2Stream>();
  const auto list = head.to_nghttp2();
  const auto provider = provider_of(*stream, Callbacks::read_data);
  const std::int32_t id = nghttp2_submit_request(session_, nullptr, list.data(), list.size(),
                                                 ends ? nullptr : &provider, nullptr);
  if (id < 0) {
    going_away_ = true;  // its identifiers are used up
    return nullptr;
  }
  stream->id = id;
  stream->end_is_sent = ends;
  ++seen_;
  streams_.emplace(id, stream);
  return stream;
}

bool Http2Session::has_room() const noexcept {
  const std::uint32_t theirs =
      nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  return takes_requests() && streams_.size() < std::min(theirs, client_streams);
}

void Http2Session::resume(Http2Stream& stream) {
  if (stream.closed || !std::exchange(stream.is_deferred, false)) return;
  nghttp2_session_resume_data(session_, stream.id);
}

void Http2Session::taken(Http2Stream& stream, std::size_t count) {
  if (count > 0 && !lost_) nghttp2_session_consume(session_, stream.id, count);
}

void Http2Session::reset(Http2Stream& stream, std::uint32_t error) noexcept {
  if (stream.closed || stream.reset_here) return;
  stream.reset_here = true;
  stream.sending = {};
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id, error);
}

void Http2Session::abandon(Http2Stream& stream) noexcept {
  stream.is_abandoned = true;
  stream.changed = nullptr;
  stream.sending = {};
  taken(stream, stream.arrived.size());
  stream.arrived.clear();
}

}  // namespace standin::proxy
