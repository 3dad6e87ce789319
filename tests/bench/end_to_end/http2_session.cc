#include "tests/bench/end_to_end/http2_session.h"

#include <array>
#include <cstring>

#include "tests/bench/end_to_end/tls_socket.h"

namespace standin::bench {
namespace {

constexpr std::int32_t widest_window = 0x7fffffff;

std::string_view view(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

std::vector<nghttp2_nv> list_of(const Http2Fields& fields) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  };
  std::vector<nghttp2_nv> list;
  list.reserve(fields.size());
  for (const auto& [name, value] : fields)
    list.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
  return list;
}

}  // namespace

struct Http2Session::Callbacks {
  static Http2Session& of(void* data) { return *static_cast<Http2Session*>(data); }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                       void* data) {
    of(data).events_.on_field(frame->hd.stream_id, view(name, name_size), view(value, value_size));
    return 0;
  }
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* bytes,
                     std::size_t size, void* data) {
    of(data).events_.on_data(stream, view(bytes, size));
    return 0;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* data) {
    const bool carries = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (!carries || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    of(data).ended_.insert(frame->hd.stream_id);
    of(data).events_.on_end(frame->hd.stream_id);
    return 0;
  }
  static int on_close(nghttp2_session*, std::int32_t stream, std::uint32_t, void* data) {
    Http2Session& session = of(data);
    session.events_.on_close(stream, session.ended_.erase(stream) > 0);
    session.sending_.erase(stream);
    return 0;
  }
  static ssize_t read(nghttp2_session*, std::int32_t stream, std::uint8_t* to, std::size_t room,
                      std::uint32_t* flags, nghttp2_data_source*, void* data) {
    Body& body = of(data).sending_[stream];
    if (body.is_empty() && body.events > 0) return NGHTTP2_ERR_DEFERRED;
    const std::string_view next = body.take(room);
    std::memcpy(to, next.data(), next.size());
    if (body.has_ended()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(next.size());
  }

  static nghttp2_data_provider provider() {
    nghttp2_data_provider made{};
    made.read_callback = read;
    return made;
  }
};

Http2Session::Http2Session(Side side, Http2Events& events) : events_(events) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::on_data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::on_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::on_close);
  const auto make = side == Side::client ? nghttp2_session_client_new : nghttp2_session_server_new;
  make(&session_, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  const std::array<nghttp2_settings_entry, 2> entries = {
      {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 128},
       {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, widest_window}}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries.data(), entries.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, widest_window);
}

Http2Session::~Http2Session() { nghttp2_session_del(session_); }

std::int32_t Http2Session::request(const Http2Fields& fields, Body body) {
  const auto list = list_of(fields);
  const auto provider = Callbacks::provider();
  const bool has_body = !body.has_ended();
  const std::int32_t stream = nghttp2_submit_request(session_, nullptr, list.data(), list.size(),
                                                     has_body ? &provider : nullptr, nullptr);
  if (stream < 0) die(nghttp2_strerror(stream));
  if (has_body) sending_[stream] = std::move(body);
  return stream;
}

void Http2Session::respond(std::int32_t stream, const Http2Fields& fields, Body body) {
  const auto list = list_of(fields);
  const auto provider = Callbacks::provider();
  sending_[stream] = std::move(body);
  nghttp2_submit_response(session_, stream, list.data(), list.size(), &provider);
}

bool Http2Session::feed(std::string_view bytes) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  return nghttp2_session_mem_recv(session_, data, bytes.size()) == static_cast<ssize_t>(bytes.size());
}

void Http2Session::fill(std::string& out) {
  const std::uint8_t* bytes = nullptr;
  while (out.size() < piece_size) {
    const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
    if (size <= 0) return;
    out += view(bytes, static_cast<std::size_t>(size));
  }
}

}  // namespace standin::bench
