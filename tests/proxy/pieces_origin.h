#pragma once

#include <map>
#include <mutex>
#include <thread>

#include "tests/h2_peer.h"
#include "tests/proxy/encoders.h"
#include "tests/proxy/test_boundary.h"

namespace standin::proxy::test {

using standin::test::Body;
using standin::test::Fields;
using standin::test::framing_of_request;
using standin::test::H2Message;
using standin::test::H2Outgoing;
using standin::test::H2Peer;
using standin::test::Stream;
using standin::test::to_text;

/// Whether a new piece begins at this byte of all that one side says in a conversation.
using Cuts = std::function<bool(std::size_t)>;
/// One side's words: each piece is a write of its own, and so a TLS record.
class Voice {
 public:
  void begin(Cuts cuts) {
    cuts_ = std::move(cuts);
    said_ = 0;
  }
  void say(Stream& to, std::string_view bytes) {
    std::size_t from = 0;
    for (std::size_t i = 1; i <= bytes.size(); ++i) {
      if (i < bytes.size() && !cuts_(said_ + i)) continue;
      to.write(bytes.substr(from, i - from));
      from = i;
    }
    said_ += bytes.size();
  }
  [[nodiscard]] std::size_t said() const noexcept { return said_; }

 private:
  Cuts cuts_;
  std::size_t said_ = 0;
};

/// What an H2Peer would write.
inline std::string output(H2Peer& peer) {
  std::string out;
  const std::uint8_t* bytes = nullptr;
  for (ssize_t count = 0; (count = nghttp2_session_mem_send(peer.session(), &bytes)) > 0;)
    out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(count));
  return out;
}

/// Requests or responses, in words that are the same for the same message of one version.
using Told = std::map<std::string, std::string>;  // by the request's path

inline std::string text_of(const H2Message& message) {
  std::string text;
  for (const Fields& interim : message.interim) text += "interim " + to_text(interim);
  return text + to_text(message.fields) + "\r\n" + message.body + "\r\n" + to_text(message.trailers);
}

/// Fields that no turn has in common with another: else HPACK would make them a byte each.
inline Fields with_turn(int turn, const Fields& fields) {
  Fields all = fields;
  all.emplace_back("x-turn", "turn " + std::to_string(1000 + turn));
  return all;
}

inline const std::string coded_body =
    encoded(Format::gzip, {"what an origin ", "compressed, and ", "we make large"});

/// An origin of one version that says the same in any pieces: interim, length, chunks and trailers, coded.
class PiecesOrigin {
 public:
  enum class Speaks : std::uint8_t { http1, http2 };
  PiecesOrigin(const standin::test::Certificate& certificate, Speaks speaks)
      : alpn_(speaks == Speaks::http2 ? "\x02h2" : "\x08http/1.1") {
    context_.reset(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    SSL_CTX_use_certificate(context_.get(), certificate.certificate.get());
    SSL_CTX_use_PrivateKey(context_.get(), certificate.key.get());
    SSL_CTX_set_alpn_select_cb(context_.get(), choose, &alpn_);
    acceptor_ = std::jthread([this, speaks] {
      for (int fd = 0; (fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;)
        connections_.emplace_back([this, fd, speaks] { serve(fd, speaks); });
    });
  }
  /// When the proxy has ended: until then it keeps connections.
  ~PiecesOrigin() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    connections_.clear();
    ::close(listener_);
  }
  PiecesOrigin(const PiecesOrigin&) = delete;
  PiecesOrigin& operator=(const PiecesOrigin&) = delete;

  [[nodiscard]] std::string authority() const { return "localhost:" + std::to_string(port_); }
  void begin(int turn, Cuts cuts) {
    const std::lock_guard lock(mutex_);
    turn_ = turn;
    got_.clear();
    voice_.begin(std::move(cuts));
  }
  [[nodiscard]] Told got() const {
    const std::lock_guard lock(mutex_);
    return got_;
  }
  [[nodiscard]] std::size_t said() const {
    const std::lock_guard lock(mutex_);
    return voice_.said();
  }

 private:
  static int choose(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* offer,
                    unsigned offer_size, void* ours) {
    const auto& alpn = *static_cast<const std::string*>(ours);
    const int found = SSL_select_next_proto(const_cast<unsigned char**>(out), size,
                                            reinterpret_cast<const unsigned char*>(alpn.data()),
                                            static_cast<unsigned>(alpn.size()), offer, offer_size);
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
  }

  void serve(int fd, Speaks speaks) {
    Stream stream(fd);
    try {
      stream.accept_tls(context_.get(), nullptr);
      speaks == Speaks::http2 ? serve_http2(stream) : serve_http1(stream);
    } catch (const StreamError&) {
      // A connection that was made ahead, and not needed.
    }
  }

  void serve_http1(Stream& stream) {
    while (const auto head = read_head(stream)) {
      const Body body = read_body(stream, framing_of_request(head->fields), head->fields);
      const std::lock_guard lock(mutex_);
      got_[head->second] = head->raw + body.bytes + "\r\n" + to_text(body.trailers);
      voice_.say(stream, http1_answer(head->second));
    }
  }

  [[nodiscard]] std::string http1_answer(const std::string& path) const {
    const auto head = [&](const std::string& status, const Fields& fields) {
      return "HTTP/1.1 " + status + "\r\n" + to_text(with_turn(turn_, fields)) + "\r\n";
    };
    if (path == "/length")
      return head("103 Early", {{"Link", "</x>"}}) + head("200 OK", {{"Content-Length", "5"}}) + "hello";
    if (path == "/chunked")
      return head("200 OK", {{"Transfer-Encoding", "chunked"}}) +
             "4;x=y\r\nfour\r\n6\r\n pence\r\n0\r\nX-T: 1\r\n\r\n";
    if (path == "/coded") {
      const std::string length = std::to_string(coded_body.size());
      return head("200 OK", {{"Content-Encoding", "gzip"}, {"Content-Length", length}}) + coded_body;
    }
    return head("204 None", {});
  }

  void serve_http2(Stream& stream) {
    H2Peer peer(stream, H2Peer::Role::server);
    peer.on_whole = [&](std::int32_t id) {
      const std::string path = peer.message(id).field(":path");
      got_[path] = text_of(peer.message(id));
      if (path == "/length") peer.interim(id, with_turn(turn_, {{":status", "103"}, {"link", "</x>"}}));
      peer.respond(id, http2_answer(path));
    };
    for (std::string bytes; !(bytes = stream.read_some()).empty();) {
      const std::lock_guard lock(mutex_);
      const auto* begin = reinterpret_cast<const std::uint8_t*>(bytes.data());
      if (nghttp2_session_mem_recv(peer.session(), begin, bytes.size()) < 0) throw StreamError("no HTTP/2");
      voice_.say(stream, output(peer));
    }
  }

  [[nodiscard]] H2Outgoing http2_answer(const std::string& path) const {
    const auto fields = [&](const std::string& status, const Fields& more) {
      Fields all = {{":status", status}};
      all.insert(all.end(), more.begin(), more.end());
      return with_turn(turn_, all);
    };
    if (path == "/length") return {fields("200", {{"content-length", "5"}}), "hello", {}};
    if (path == "/chunked") return {fields("200", {}), "four pence", {{"x-t", "1"}}};
    if (path == "/coded") return {fields("200", {{"content-encoding", "gzip"}}), coded_body, {}};
    return {fields("204", {}), "", {}};
  }

  std::string alpn_;
  std::shared_ptr<SSL_CTX> context_;
  std::uint16_t port_ = 0;
  const int listener_ = Stream::listen_loopback(port_);
  mutable std::mutex mutex_;
  int turn_ = 0;
  Told got_;
  Voice voice_;
  std::vector<std::jthread> connections_;  // the acceptor's
  std::jthread acceptor_;
};

}  // namespace standin::proxy::test
