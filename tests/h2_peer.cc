#include "tests/h2_peer.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace standin::test {

namespace {

std::vector<nghttp2_nv> list_of(const Fields& fields) {
  const auto bytes = [](const std::string& s) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(s.data()));
  };
  std::vector<nghttp2_nv> list;
  for (const auto& [name, value] : fields)
    list.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
  return list;
}

}  // namespace

struct H2Peer::Callbacks {
  static H2Peer& of(void* data) { return *static_cast<H2Peer*>(data); }

  static int on_begin_headers(nghttp2_session*, const nghttp2_frame*, void* data) {
    of(data).block_.clear();
    return 0;
  }
  static int on_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                       void* data) {
    of(data).block_.emplace_back(std::string(reinterpret_cast<const char*>(name), name_size),
                                 std::string(reinterpret_cast<const char*>(value), value_size));
    return 0;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* data) {
    H2Peer& peer = of(data);
    const std::int32_t id = frame->hd.stream_id;
    if (frame->hd.type == NGHTTP2_SETTINGS) ++peer.settings_received_;
    if (frame->hd.type == NGHTTP2_GOAWAY) peer.goaway_ = frame->goaway.error_code;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    H2Message& message = peer.messages_[id];
    message.ended = message.ended || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_HEADERS) {
      const auto status = find_field(peer.block_, ":status");
      if (status && status->starts_with('1')) {
        message.interim.push_back(peer.block_);
      } else if (message.fields.empty()) {
        message.fields = peer.block_;
        if (peer.on_head) peer.on_head(id);
      } else {
        message.trailers = peer.block_;
      }
    }
    if (message.ended && peer.on_whole) peer.on_whole(id);
    return 0;
  }
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                     std::size_t size, void* data) {
    const std::string_view piece(reinterpret_cast<const char*>(bytes), size);
    of(data).messages_[id].body.append(piece);
    if (of(data).on_data) of(data).on_data(id, piece);
    return 0;
  }
  static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t error, void* data) {
    H2Message& message = of(data).messages_[id];
    message.closed = true;
    message.error = error;
    return 0;
  }
  static ssize_t read(nghttp2_session* session, std::int32_t id, std::uint8_t* buffer, std::size_t size,
                      std::uint32_t* flags, nghttp2_data_source*, void* data) {
    Sending& sending = of(data).sending_[id];
    const std::size_t count = std::min(size, sending.bytes.size());
    if (count == 0 && !sending.ends) return NGHTTP2_ERR_DEFERRED;
    std::memcpy(buffer, sending.bytes.data(), count);
    sending.bytes.erase(0, count);
    if (!sending.bytes.empty() || !sending.ends) return static_cast<ssize_t>(count);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!sending.trailers.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const auto list = list_of(sending.trailers);
      nghttp2_submit_trailer(session, id, list.data(), list.size());
    }
    return static_cast<ssize_t>(count);
  }
};

H2Peer::H2Peer(Stream& stream, Role role, Settings settings) : stream_(stream) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Callbacks::on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::on_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::on_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::on_close);
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, settings.opens_window ? 0 : 1);
  const auto make = role == Role::server ? nghttp2_session_server_new2 : nghttp2_session_client_new2;
  make(&session_, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  const std::array<nghttp2_settings_entry, 2> entries = {
      {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, settings.max_streams},
       {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, settings.window}}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries.data(), entries.size());
}

H2Peer::~H2Peer() { nghttp2_session_del(session_); }

std::int32_t H2Peer::request(const H2Outgoing& what) {
  const auto list = list_of(what.fields);
  nghttp2_data_provider provider{};
  provider.read_callback = Callbacks::read;
  const bool has_body = !what.body.empty() || !what.trailers.empty() || what.goes_on;
  const std::int32_t id = nghttp2_submit_request(session_, nullptr, list.data(), list.size(),
                                                 has_body ? &provider : nullptr, nullptr);
  if (id < 0) throw StreamError(nghttp2_strerror(id));
  sending_[id] = {what.body, !what.goes_on, what.trailers};
  messages_[id];
  return id;
}

void H2Peer::respond(std::int32_t id, const H2Outgoing& what) {
  const auto list = list_of(what.fields);
  nghttp2_data_provider provider{};
  provider.read_callback = Callbacks::read;
  const bool has_body = !what.body.empty() || !what.trailers.empty() || what.goes_on;
  sending_[id] = {what.body, !what.goes_on, what.trailers};
  nghttp2_submit_response(session_, id, list.data(), list.size(), has_body ? &provider : nullptr);
}

void H2Peer::interim(std::int32_t id, const Fields& fields) {
  const auto list = list_of(fields);
  nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, id, nullptr, list.data(), list.size(), nullptr);
}

void H2Peer::send(std::int32_t id, std::string_view bytes, bool ends, const Fields& trailers) {
  Sending& sending = sending_[id];
  sending.bytes.append(bytes);
  sending.ends = ends;
  sending.trailers = trailers;
  nghttp2_session_resume_data(session_, id);
}

void H2Peer::reset(std::int32_t id, std::uint32_t error) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, error);
}

void H2Peer::go_away(std::int32_t last, std::uint32_t error) {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, last, error, nullptr, 0);
}

void H2Peer::consume(std::int32_t id, std::size_t count) { nghttp2_session_consume(session_, id, count); }

void H2Peer::flush() {
  std::string out;
  const std::uint8_t* bytes = nullptr;
  for (;;) {
    const ssize_t count = nghttp2_session_mem_send(session_, &bytes);
    if (count <= 0) break;
    out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(count));
    if (out.size() < 65536) continue;
    stream_.write(out);
    out.clear();
  }
  if (!out.empty()) stream_.write(out);
}

bool H2Peer::run_until(const std::function<bool()>& holds) {
  for (;;) {
    flush();
    if (holds()) return true;
    const std::string bytes = stream_.read_some();
    if (bytes.empty()) return false;
    const ssize_t taken =
        nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    if (taken < 0) throw StreamError(nghttp2_strerror(static_cast<int>(taken)));
  }
}

H2Message& H2Peer::await_end(std::int32_t id) {
  H2Message& message = messages_[id];
  if (!run_until([&] { return message.ended || message.closed; }))
    throw StreamError("the connection ended before stream " + std::to_string(id));
  return message;
}

namespace {

int choose_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                unsigned in_size, void* wanted) {
  using Mismatch = H2Origin::Options::Mismatch;
  const auto& options = *static_cast<const H2Origin::Options*>(wanted);
  const auto choose = [&](std::string_view protocol) {
    for (unsigned at = 0; at < in_size && at + 1 + in[at] <= in_size; at += 1U + in[at]) {
      if (std::string_view(reinterpret_cast<const char*>(in + at + 1), in[at]) != protocol) continue;
      *out = in + at + 1;
      *out_size = in[at];
      return true;
    }
    return false;
  };
  if (choose(options.alpn) || (options.knows_http1 && choose("http/1.1"))) return SSL_TLSEXT_ERR_OK;
  if (options.mismatch == Mismatch::hangs_up) return SSL_TLSEXT_ERR_NOACK;
  if (options.mismatch == Mismatch::breaks_off)
    ::shutdown(*static_cast<const int*>(BIO_get_data(SSL_get_rbio(ssl))), SHUT_RDWR);
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

std::string_view agreed_protocol(const SSL* ssl) {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

void serve_http1(Stream& stream) {
  for (;;) {
    const std::string head = stream.read_until("\r\n\r\n");
    if (!head.ends_with("\r\n\r\n")) return;
    std::string body = "old ";
    if (const std::size_t at = head.find("ontent-length: "); at != head.npos)
      body += stream.read_exactly(std::stoul(head.substr(at + 15)));
    stream.write("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
}

}  // namespace

H2Origin::H2Origin(Options options)
    : options_(std::move(options)), listener_(Stream::listen_loopback(port_)) {
  if (options_.certificate) {
    context_.reset(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    SSL_CTX_use_certificate(context_.get(), options_.certificate->certificate.get());
    SSL_CTX_use_PrivateKey(context_.get(), options_.certificate->key.get());
    SSL_CTX_set_alpn_select_cb(context_.get(), choose_alpn, &options_);
  }
  acceptor_ = std::jthread([this] {
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (stopping_) {
        if (fd >= 0) ::close(fd);
        return;
      }
      if (fd < 0) continue;
      const std::lock_guard lock(mutex_);
      ++connections_;
      threads_.emplace_back([this, fd] { serve(fd); });
    }
  });
}

H2Origin::~H2Origin() {
  stopping_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  {
    const std::lock_guard lock(mutex_);
    for (Stream* stream : live_) stream->stop();
  }
  threads_.clear();
}

void H2Origin::serve(int socket) {
  Stream stream(socket);
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    live_.push_back(&stream);
  }
  try {
    if (context_) stream.accept_tls(context_.get(), nullptr);
    const std::string_view protocol = context_ ? agreed_protocol(stream.tls()) : "h2";
    if (protocol.empty()) throw StreamError("no protocol was agreed on");
    if (protocol == "http/1.1") serve_http1(stream);
    H2Peer peer(stream, H2Peer::Role::server, options_.settings);
    if (on_head) peer.on_head = [&](std::int32_t id) { on_head(peer, id); };
    if (on_data) peer.on_data = [&](std::int32_t id, std::string_view piece) { on_data(peer, id, piece); };
    peer.on_whole = [&](std::int32_t id) {
      {
        const std::lock_guard lock(mutex_);
        last_ = peer.message(id);
      }
      if (on_whole)
        on_whole(peer, id);
      else if (!on_head)
        peer.respond(id, {{{":status", "200"}}, "ok", {}});
    };
    peer.run_until([] { return false; });
  } catch (const StreamError&) {
    // The other end went away, which is what some tests are about.
  }
  const std::lock_guard lock(mutex_);
  std::erase(live_, &stream);
}

H2Message H2Origin::last() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

namespace h2 {

std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload) {
  std::string out;
  const auto put = [&](std::size_t value, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
      out.push_back(static_cast<char>(value >> shift));
  };
  put(payload.size(), 3);
  put(type, 1);
  put(flags, 1);
  put(stream, 4);
  return out.append(payload);
}

std::string fields(const Fields& fields) {
  std::string out;
  const auto put = [&](const std::string& text) {
    if (text.size() < 127) {
      out.push_back(static_cast<char>(text.size()));
    } else {
      out.push_back(127);
      std::size_t rest = text.size() - 127;
      for (; rest >= 128; rest /= 128) out.push_back(static_cast<char>(rest % 128 + 128));
      out.push_back(static_cast<char>(rest));
    }
    out += text;
  };
  for (const auto& [name, value] : fields) {
    out.push_back(0);
    put(name);
    put(value);
  }
  return out;
}

std::string settings() { return frame(NGHTTP2_SETTINGS, 0, 0, ""); }

std::optional<Frame> read_frame(Stream& stream) {
  std::string head;
  try {
    head = stream.read_exactly(9);
  } catch (const StreamError&) {
    return std::nullopt;
  }
  if (head.size() < 9) return std::nullopt;
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(head[i]));
  };
  Frame frame;
  frame.type = static_cast<std::uint8_t>(byte(3));
  frame.flags = static_cast<std::uint8_t>(byte(4));
  frame.stream = (byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8)) & 0x7fffffff;
  const std::size_t size = byte(0) << 16 | byte(1) << 8 | byte(2);
  if (size > 0) frame.payload = stream.read_exactly(size);
  return frame;
}

}  // namespace h2

}  // namespace standin::test
