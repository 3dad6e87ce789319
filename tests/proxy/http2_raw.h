#pragma once

#include <thread>

#include "tests/h2_peer.h"
#include "tests/proxy/test_boundary.h"

namespace standin::proxy::test {

using standin::test::Fields;
namespace h2 = standin::test::h2;

/// A client that says frames no library says.
struct Http2Raw : BoundaryTest {
  using BoundaryTest::start;
  using BoundaryTest::userinfo;
  struct Raw : Outside {
    explicit Raw(Http2Raw& test, std::string_view first = {}) : Outside(test) {
      EXPECT_EQ(connect(test.authority(), test.userinfo()).status, 200U);
      start_tls("localhost", test.start().authority_pem(), std::string_view("\x02h2", 3));
      send(first.data() ? std::string(first) : std::string(h2::preface) + h2::settings());
    }
    /// "RST_STREAM 1", "GOAWAY 11", "HEADERS", or "end": what the proxy says first about it all.
    std::string answer() {
      while (auto frame = h2::read_frame(stream())) {
        const auto code = [&](std::size_t at) {
          return std::to_string(static_cast<unsigned char>(frame->payload.at(at + 3)));
        };
        if (frame->type == NGHTTP2_RST_STREAM) return "RST_STREAM " + code(0);
        if (frame->type == NGHTTP2_GOAWAY) return "GOAWAY " + code(4);
        if (frame->type == NGHTTP2_HEADERS) return "HEADERS";
        if (frame->type == NGHTTP2_PING) return "PING";
      }
      return "end";
    }
    /// What becomes of it: "GOAWAY 1" (and the end), "RST_STREAM 1", "end", or "fine" where the connection
    /// goes on as if nothing had been.
    std::string verdict_on(const std::string& bytes) {
      // An answer to PING overtakes what else is to be said, but not what was said before the PING came.
      send(bytes + h2::frame(NGHTTP2_PING, 0, 0, "sentinel"));
      for (int pongs = 0;;) {
        const auto frame = h2::read_frame(stream());
        if (!frame) return "end";
        const auto code = [&](std::size_t at) {
          return std::to_string(static_cast<unsigned char>(frame->payload.at(at + 3)));
        };
        if (frame->type == NGHTTP2_RST_STREAM && code(0) != "0") return "RST_STREAM " + code(0);
        if (frame->type == NGHTTP2_GOAWAY) return "GOAWAY " + code(4) + (goes_on() ? " and no end" : "");
        if (frame->type != NGHTTP2_PING || frame->payload != "sentinel") continue;
        if (++pongs == 2) return "fine";
        send(h2::frame(NGHTTP2_PING, 0, 0, "sentinel"));
      }
    }
    /// Until the response to the last request has ended.
    void await_response() {
      for (auto frame = h2::read_frame(stream()); frame; frame = h2::read_frame(stream())) {
        if (frame->type <= NGHTTP2_HEADERS && (frame->flags & NGHTTP2_FLAG_END_STREAM) != 0) return;
      }
      ADD_FAILURE() << "no response";
    }
    /// Behind a GOAWAY nothing but what was under way, and the end (RFC 9113 5.4.1).
    bool goes_on() {
      for (int frames = 0; frames < 1000; ++frames) {
        if (!h2::read_frame(stream())) return false;
      }
      return true;
    }
    /// Whether the flood was ended with GOAWAY, while it still went on.
    std::string flood(const std::string& piece, int times) {
      std::jthread sender([&] {
        try {
          for (int i = 0; i < times; ++i) send(piece);
        } catch (const StreamError&) {
          // Closed under it: as it should be.
        }
      });
      for (std::string said = answer();; said = answer()) {
        if (said.starts_with("GOAWAY") || said == "end") return said;
      }
    }
  };

  [[nodiscard]] Fields request(const Fields& more = {}) const {
    Fields all = {{":method", "POST"}, {":scheme", "https"}, {":authority", authority()}, {":path", "/"}};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  static constexpr std::uint8_t end_headers = NGHTTP2_FLAG_END_HEADERS;
  static constexpr std::uint8_t end_stream = NGHTTP2_FLAG_END_STREAM;
  [[nodiscard]] std::string headers(const Fields& fields, std::uint8_t flags = end_headers | end_stream,
                                    std::uint32_t stream = 1) const {
    return h2::frame(NGHTTP2_HEADERS, flags, stream, h2::fields(fields));
  }
  std::string answer_to(const std::string& bytes) {
    Raw client(*this);
    client.send(bytes);
    return client.answer();
  }
};

/// An origin of HTTP/2 without TLS, in the test's own hands.
struct RawH2Origin {
  [[nodiscard]] std::string authority() const { return listener.authority(); }
  /// The next connection, up to its preface.
  std::unique_ptr<standin::test::Stream> accept() const {
    auto stream = listener.accept();
    EXPECT_EQ(stream->read_exactly(h2::preface.size()), h2::preface);
    stream->write(h2::settings());
    return stream;
  }
  /// The next frame of that type.
  static std::optional<h2::Frame> next(standin::test::Stream& stream, std::uint8_t type) {
    for (;;) {
      auto frame = h2::read_frame(stream);
      if (!frame || frame->type == type) return frame;
    }
  }
  static std::string head_of(std::uint32_t stream, const Fields& fields, std::uint8_t flags) {
    return h2::frame(NGHTTP2_HEADERS, flags, stream, h2::fields(fields));
  }

  RawPeer listener;
};

/// A client of HTTP/2 at an origin without TLS.
struct PlainHttp2 : standin::test::TestClient {
  PlainHttp2(Http2Raw& test, const std::string& host)
      : TestClient(test.start().port()),
        authority(host),
        peer(tunnel(test.userinfo()), standin::test::H2Peer::Role::client) {}
  standin::test::Stream& tunnel(const std::string& userinfo) {
    EXPECT_EQ(connect(authority, userinfo).status, 200U);
    return stream();
  }
  std::int32_t ask(const std::string& method, bool goes_on = false) {
    const auto id =
        peer.request({{{":method", method}, {":scheme", "http"}, {":authority", authority}, {":path", "/"}},
                      {},
                      {},
                      goes_on});
    peer.flush();
    return id;
  }
  std::string authority;
  standin::test::H2Peer peer;
};

}  // namespace standin::proxy::test
