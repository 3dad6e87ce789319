// What RFC 9113 says a server MUST do about what a client must not, section by section. Where it leaves a
// choice, a connection error may stand for a stream error (5.4.2), so both are taken.
#include <nghttp2/nghttp2.h>

#include "proxy/http2_session.h"
#include "tests/proxy/http2_raw.h"

namespace standin::proxy::test {
namespace {

using namespace std::string_literals;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Matcher;

enum : std::uint8_t { padded = NGHTTP2_FLAG_PADDED, with_priority = NGHTTP2_FLAG_PRIORITY };

struct Http2Conformance : Http2Raw {
  struct Case {
    const char* what;
    std::string bytes;
    Matcher<std::string> verdict;
  };
  const std::string open = headers(request(), end_headers);  // a request whose body goes on
  const std::string whole = headers(request());

  static std::string setting(std::uint8_t id, std::uint32_t value) {
    std::string payload = {'\0', static_cast<char>(id)};
    for (int shift = 24; shift >= 0; shift -= 8) payload.push_back(static_cast<char>(value >> shift));
    return h2::frame(NGHTTP2_SETTINGS, 0, 0, payload);
  }
  static std::string window(std::uint32_t stream, std::uint32_t more) {
    std::string payload;
    for (int shift = 24; shift >= 0; shift -= 8) payload.push_back(static_cast<char>(more >> shift));
    return h2::frame(NGHTTP2_WINDOW_UPDATE, 0, stream, payload);
  }
  static std::string data(std::uint32_t stream, std::uint8_t flags = 0, std::string_view payload = "x") {
    return h2::frame(NGHTTP2_DATA, flags, stream, payload);
  }
  /// A head whose block begins with that.
  [[nodiscard]] std::string block(const std::string& first) const {
    return h2::frame(NGHTTP2_HEADERS, end_headers | end_stream, 1, first + h2::fields(request()));
  }
  void expect(const std::vector<Case>& cases) {
    for (const auto& [what, bytes, verdict] : cases) {
      Raw client(*this);
      EXPECT_THAT(client.verdict_on(bytes), verdict) << what;
    }
  }
};

/// An error of the connection.
Matcher<std::string> connection(int code) { return "GOAWAY " + std::to_string(code); }
/// An error of the stream, or of the connection.
Matcher<std::string> stream(int code) {
  return AnyOf("RST_STREAM " + std::to_string(code), "GOAWAY " + std::to_string(code));
}
const Matcher<std::string> fine = "fine";
/// What nghttp2 lets pass unread: it may cross a reset of ours, which it does not remember (RFC 9113 5.1:
/// "minimally process and then discard").
Matcher<std::string> connection_or_unread(int code) { return AnyOf(connection(code), stream(5), fine); }

TEST_F(Http2Conformance, Prefaces) {  // 3.4
  const std::vector<std::pair<const char*, std::string>> cases = {
      {"another preface", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + h2::settings()},
      {"a request of HTTP/1.1", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"},
      {"no SETTINGS behind", std::string(h2::preface) + h2::frame(NGHTTP2_PING, 0, 0, "12345678")},
      {"a request at once", std::string(h2::preface) + whole},
      {"the answer to SETTINGS", std::string(h2::preface) + h2::frame(NGHTTP2_SETTINGS, 1, 0, "")},
  };
  for (const auto& [what, bytes] : cases) {
    Raw client(*this, bytes);
    EXPECT_THAT(client.verdict_on(""), AnyOf("GOAWAY 1", "end")) << what;
  }
  EXPECT_TRUE(origin.requests().empty());
}

TEST_F(Http2Conformance, FramesAndBlocks) {  // 4
  const std::string first = h2::frame(NGHTTP2_HEADERS, end_stream, 1, h2::fields(request()));
  const std::string large(16385, 'x');
  expect({
      {"4.1 a type that nobody knows", h2::frame(0xfa, 0xff, 5, "what?") + whole, fine},
      {"4.1 flags that nobody knows", h2::frame(NGHTTP2_WINDOW_UPDATE, 0xff, 0, "\0\0\0\1"s) + whole, fine},
      {"4.1 the reserved bit", headers(request(), end_headers | end_stream, 0x80000001) + "", fine},
      {"4.2 DATA too large", open + data(1, 0, large), stream(6)},
      {"4.2 HEADERS too large", h2::frame(NGHTTP2_HEADERS, end_headers, 1, large), connection(6)},
      {"4.2 an unknown frame too large", h2::frame(0xfa, 0, 0, large), connection(6)},
      {"4.3 no HPACK", h2::frame(NGHTTP2_HEADERS, end_headers, 1, "\xff\xff\xff\xff\xff"), connection(9)},
      {"4.3 a field of index 0", block("\x80"), connection(9)},
      {"4.3 a field beyond the table", block("\xff\x64"), connection(9)},
      {"4.3 cut off in a field", h2::frame(NGHTTP2_HEADERS, end_headers, 1, "\0\5ab"s), connection(9)},
      {"4.3 Huffman code padded with zeros", block("\0\x81\x00\x01x"s), connection(9)},
      {"4.3 a table larger than ours", block("\x3f\xe2\x1f"), connection(9)},
      {"4.3 a table of 4 GiB", block("\x3f\xe0\xff\xff\xff\x0f"), connection(9)},
      {"4.3 no table at all", block("\x20"), fine},
      {"4.3 another table behind a field",
       h2::frame(NGHTTP2_HEADERS, end_headers | end_stream, 1, h2::fields(request()) + "\x20"),
       connection(9)},
      {"4.3 PING within", first + h2::frame(NGHTTP2_PING, 0, 0, "12345678"), connection(1)},
      {"4.3 DATA within", first + data(1), connection(1)},
      {"4.3 another's HEADERS within", first + headers(request(), end_headers, 3), connection(1)},
      {"4.3 another's CONTINUATION within", first + h2::frame(NGHTTP2_CONTINUATION, end_headers, 3, ""),
       connection(1)},
      {"5.5 an unknown frame within", first + h2::frame(0xfa, 0, 1, "what?"), connection(1)},
      {"4.3 in pieces", first + h2::frame(NGHTTP2_CONTINUATION, end_headers, 1, ""), fine},
  });
}

TEST_F(Http2Conformance, States) {  // 5.1
  const std::string reset = h2::frame(NGHTTP2_RST_STREAM, 0, 1, "\0\0\0\x08"s);
  const std::string priority = h2::frame(NGHTTP2_PRIORITY, 0, 1, "\0\0\0\0\1"s);
  std::string streams;
  for (std::uint32_t id = 1; id <= 129 * 2; id += 2) streams += headers(request(), end_headers, id);
  const std::string acknowledged = h2::frame(NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, "");
  expect({
      {"idle: DATA", data(1), connection(1)},
      {"idle: RST_STREAM", reset, connection(1)},
      {"idle: WINDOW_UPDATE", window(1, 1), connection(1)},
      {"idle: CONTINUATION", h2::frame(NGHTTP2_CONTINUATION, end_headers, 1, ""), connection(1)},
      {"idle: PRIORITY", priority + whole, fine},
      {"half-closed: DATA", whole + data(1), stream(5)},
      {"half-closed: HEADERS", whole + whole, AnyOf(stream(5), connection(1))},
      {"half-closed: WINDOW_UPDATE", whole + window(1, 1), fine},
      {"half-closed: PRIORITY", whole + priority, fine},
      {"half-closed: RST_STREAM", whole + reset, fine},
      {"reset: DATA", open + reset + data(1), AnyOf(stream(5), fine)},
      {"reset: HEADERS", open + reset + whole, connection_or_unread(1)},
      {"reset: PRIORITY", open + reset + priority, fine},
      {"5.1.1 an even stream", headers(request(), end_headers, 2), connection(1)},
      {"5.1.1 stream 0", headers(request(), end_headers, 0), connection(1)},
      {"5.1.1 a stream that is passed",
       headers(request(), end_headers, 5) + headers(request(), end_headers, 3), connection_or_unread(1)},
      {"5.1.2 more streams than we take", acknowledged + streams, AnyOf(stream(7), stream(1))},
      {"5.1.2 more, before it is known how many", streams, AnyOf(stream(7), stream(1))},
  });
}

TEST_F(Http2Conformance, StreamThatHasEnded) {  // 5.1
  const std::vector<Case> cases = {
      {"DATA", data(1), connection_or_unread(5)},
      {"HEADERS", whole, connection_or_unread(1)},
      {"CONTINUATION", h2::frame(NGHTTP2_CONTINUATION, end_headers, 1, ""),
       AnyOf(connection(5), connection(1))},
      {"WINDOW_UPDATE", window(1, 1), fine},
      {"RST_STREAM", h2::frame(NGHTTP2_RST_STREAM, 0, 1, "\0\0\0\x08"s), fine},
      {"PRIORITY", h2::frame(NGHTTP2_PRIORITY, 0, 1, "\0\0\0\0\1"s), fine},
  };
  for (const auto& [what, bytes, verdict] : cases) {
    Raw client(*this);
    client.send(whole);
    client.await_response();
    EXPECT_THAT(client.verdict_on(bytes), verdict) << what;
  }
}

TEST_F(Http2Conformance, EachFrame) {  // 6.1 - 6.10
  const auto frame = [](std::uint8_t type, std::uint32_t of, std::string_view payload,
                        std::uint8_t flags = 0) { return h2::frame(type, flags, of, payload); };
  const std::string eight(8, '\0');
  expect({
      {"DATA on 0", data(0), connection(1)},
      {"DATA of more padding", open + data(1, padded, "\x05x"), connection(1)},
      {"DATA of as much padding as frame", open + data(1, padded, "\x02x"), connection(1)},
      {"DATA without its padding's length", open + data(1, padded, ""), AnyOf(connection(1), connection(6))},
      {"DATA of padding alone", open + data(1, padded, "\x01x"), fine},
      {"HEADERS of more padding", frame(NGHTTP2_HEADERS, 1, "\x20x", end_headers | padded), connection(1)},
      {"HEADERS without room for a priority", frame(NGHTTP2_HEADERS, 1, "abc", end_headers | with_priority),
       AnyOf(connection(6), connection(1))},
      {"HEADERS without its padding's length", frame(NGHTTP2_HEADERS, 1, "", end_headers | padded),
       AnyOf(connection(6), connection(1))},
      {"PRIORITY on 0, which nobody reads", frame(NGHTTP2_PRIORITY, 0, "\0\0\0\1\1"s),
       AnyOf(connection(1), fine)},
      {"PRIORITY of four bytes", open + frame(NGHTTP2_PRIORITY, 1, "abcd"), stream(6)},
      {"RST_STREAM on 0", frame(NGHTTP2_RST_STREAM, 0, "\0\0\0\x08"s), connection(1)},
      {"RST_STREAM of three bytes", open + frame(NGHTTP2_RST_STREAM, 1, "abc"), connection(6)},
      {"SETTINGS of a stream", frame(NGHTTP2_SETTINGS, 1, ""), connection(1)},
      {"SETTINGS of five bytes", frame(NGHTTP2_SETTINGS, 0, "12345"), connection(6)},
      {"SETTINGS acknowledged with some", frame(NGHTTP2_SETTINGS, 0, "\0\3\0\0\0\1"s, 1), connection(6)},
      {"SETTINGS: push 2", setting(NGHTTP2_SETTINGS_ENABLE_PUSH, 2), connection(1)},
      {"SETTINGS: push 1", setting(NGHTTP2_SETTINGS_ENABLE_PUSH, 1) + whole, fine},
      {"SETTINGS: window 2^31", setting(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1U << 31), connection(3)},
      {"SETTINGS: frames of 16383", setting(NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 16383), connection(1)},
      {"SETTINGS: frames of 2^24", setting(NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 1U << 24), connection(1)},
      {"SETTINGS: frames of 2^24 - 1", setting(NGHTTP2_SETTINGS_MAX_FRAME_SIZE, (1U << 24) - 1) + whole,
       fine},
      {"SETTINGS: a table of 4 GiB", setting(NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0xffffffff) + whole, fine},
      {"SETTINGS: what nobody knows", setting(0xf0, 7) + whole, fine},
      {"PUSH_PROMISE", open + frame(NGHTTP2_PUSH_PROMISE, 1, "\0\0\0\2"s, end_headers), connection(1)},
      {"PING of a stream", frame(NGHTTP2_PING, 1, eight), connection(1)},
      {"PING of seven bytes", frame(NGHTTP2_PING, 0, "1234567"), connection(6)},
      {"PING of nine bytes", frame(NGHTTP2_PING, 0, "123456789"), connection(6)},
      {"PING answered without one", frame(NGHTTP2_PING, 0, eight, 1), fine},
      {"GOAWAY of a stream", frame(NGHTTP2_GOAWAY, 1, eight), connection(1)},
      {"GOAWAY of seven bytes", frame(NGHTTP2_GOAWAY, 0, "1234567"), connection(6)},
      {"WINDOW_UPDATE of three bytes", frame(NGHTTP2_WINDOW_UPDATE, 0, "abc"), connection(6)},
      {"WINDOW_UPDATE of nothing", window(0, 0), connection(1)},
      {"WINDOW_UPDATE of nothing, a stream's", open + window(1, 0), stream(1)},
      {"a window beyond 2^31 - 1", window(0, 0x7fffffff), connection(3)},
      {"a stream's window beyond 2^31 - 1", open + window(1, 0x7fffffff), stream(3)},
      {"a stream's window beyond by SETTINGS",
       open + window(1, 0x7fff0000) + setting(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x7fffffff), stream(3)},
      {"CONTINUATION on 0", frame(NGHTTP2_CONTINUATION, 0, "", end_headers), connection(1)},
      {"CONTINUATION behind a whole head", open + frame(NGHTTP2_CONTINUATION, 1, "", end_headers),
       connection(1)},
      {"CONTINUATION behind DATA", open + data(1) + frame(NGHTTP2_CONTINUATION, 1, "", end_headers),
       connection(1)},
  });
}

TEST_F(Http2Conformance, MalformedMessages) {  // 8; what is in http2_attack_test.cc is not repeated
  const auto without = [&](std::size_t field) {
    Fields fields = request();
    fields.erase(fields.begin() + static_cast<std::ptrdiff_t>(field));
    return headers(fields);
  };
  const auto connect = [&](const Fields& more) {
    Fields fields = {{":method", "CONNECT"}};
    fields.insert(fields.end(), more.begin(), more.end());
    return headers(fields);
  };
  const auto with = [&](const char* name, const std::string& value) {
    return headers(request({{name, value}}));
  };
  const std::string trailers = headers({{"x-t", "1"}});
  expect({
      {"8.1 trailers that end nothing", open + headers({{"x-t", "1"}}, end_headers), stream(1)},
      {"8.1 trailers twice", open + trailers + trailers, AnyOf(stream(5), connection(1))},
      {"8.1 DATA behind trailers", open + trailers + data(1), stream(5)},
      {"8.1 a pseudo-field among trailers", open + headers({{":path", "/"}}), stream(1)},
      {"8.1 trailers in upper case", open + headers({{"X-T", "1"}}), stream(1)},
      {"8.1.1 more than its length",
       headers(request({{"content-length", "1"}}), end_headers) + data(1, 0, "xy"), stream(1)},
      {"8.1.1 less than its length",
       headers(request({{"content-length", "3"}}), end_headers) + data(1, end_stream, "xy"), stream(1)},
      {"8.1.1 less, with trailers",
       headers(request({{"content-length", "3"}}), end_headers) + data(1) + trailers, stream(1)},
      {"8.1.1 its length", headers(request({{"content-length", "1"}}), end_headers) + data(1, end_stream),
       fine},
      {"8.2.1 DEL in a name", with("x\x7f", "1"), stream(1)},
      {"8.2.1 beyond ASCII in a name", with("x\xc3\xa9", "1"), stream(1)},
      {"8.2.1 a tab in a name", with("x\ty", "1"), stream(1)},
      {"8.2.1 a space before a value", with("x", " 1"), stream(1)},
      {"8.2.1 a tab behind a value", with("x", "1\t"), stream(1)},
      {"8.2.1 beyond ASCII in a value", with("x", "\xc3\xa9"), fine},
      {"8.2.2 proxy-connection", with("proxy-connection", "keep-alive"), stream(1)},
      {"8.2.2 keep-alive", with("keep-alive", "1"), stream(1)},
      {"8.2.2 te with more than trailers", with("te", "trailers, deflate"), stream(1)},
      {"8.2.2 te: trailers", with("te", "trailers"), fine},
      {"8.3.1 no method", without(0), stream(1)},
      {"8.3.1 no scheme", without(1), stream(1)},
      {"8.3.1 no path", without(3), stream(1)},
      {"8.3.1 two methods", with(":method", "GET"), stream(1)},
      {"8.3.1 two authorities", with(":authority", "localhost"), stream(1)},
      {"8.3.1 two schemes", with(":scheme", "https"), stream(1)},
      {"8.5 CONNECT with a path", connect({{":authority", authority()}, {":path", "/"}}), stream(1)},
      {"8.5 CONNECT with a scheme", connect({{":authority", authority()}, {":scheme", "https"}}), stream(1)},
      {"8.5 CONNECT to nowhere", connect({}), stream(1)},
      {"RFC 8441 extended CONNECT, not offered",
       connect(
           {{":authority", authority()}, {":scheme", "https"}, {":path", "/"}, {":protocol", "websocket"}}),
       stream(1)},
  });
}

TEST_F(Http2Conformance, SettingsAndPingsAreAnsweredInKind) {  // 6.5.3, 6.7
  Raw client(*this);
  client.send(h2::frame(NGHTTP2_PING, 0, 0, "\0\1\2\3\4\5\6\7"s));
  unsigned acknowledged = 0;
  for (auto frame = h2::read_frame(client.stream()); frame; frame = h2::read_frame(client.stream())) {
    if (frame->type == NGHTTP2_SETTINGS && (frame->flags & NGHTTP2_FLAG_ACK) != 0) ++acknowledged;
    if (frame->type != NGHTTP2_PING) continue;
    EXPECT_EQ(frame->flags, NGHTTP2_FLAG_ACK);
    EXPECT_EQ(frame->payload, "\0\1\2\3\4\5\6\7"s);
    break;
  }
  EXPECT_EQ(acknowledged, 1U);
}

/// Sums up the DATA that comes until a PING is answered.
std::size_t data_until_pong(Http2Raw::Raw& client) {
  std::size_t size = 0;
  for (int pongs = 0; pongs < 2;) {
    client.send(h2::frame(NGHTTP2_PING, 0, 0, "12345678"));
    for (auto frame = h2::read_frame(client.stream()); frame; frame = h2::read_frame(client.stream())) {
      if (frame->type == NGHTTP2_DATA) size += frame->payload.size();
      if (frame->type == NGHTTP2_PING) break;
    }
    ++pongs;
  }
  return size;
}

TEST_F(Http2Conformance, WindowOfTheClientIsKeptToEvenWhereItIsNegative) {  // 6.9.2
  origin.on_any([](const Received&) { return Reply::body(200, std::string(300, 'x')); });
  Raw client(*this);
  client.send(setting(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 100) + whole);
  const auto first = [&] {
    for (auto frame = h2::read_frame(client.stream()); frame; frame = h2::read_frame(client.stream())) {
      if (frame->type == NGHTTP2_DATA) return frame->payload.size();
    }
    return std::size_t{0};
  };
  EXPECT_EQ(first(), 100U);
  EXPECT_EQ(data_until_pong(client), 0U);
  client.send(setting(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0));  // which makes it -100
  client.send(window(1, 100));
  EXPECT_EQ(data_until_pong(client), 0U);
  client.send(window(1, 1));
  EXPECT_EQ(data_until_pong(client), 1U);
  client.send(setting(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 50));
  EXPECT_EQ(data_until_pong(client), 50U);
  client.send(window(1, 1000));
  EXPECT_EQ(data_until_pong(client), 149U);
}

TEST_F(Http2Conformance, ClientThatSendsBeyondItsWindowIsEnded) {  // 6.9.1
  Http2Session session(Http2Session::Role::server);
  WipingBuffer out;
  session.output(out, 1 << 20);
  // What we allow counts once it is acknowledged.
  ASSERT_TRUE(session.feed(std::string(h2::preface) + h2::settings() +
                           h2::frame(NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, "") + open));
  session.output(out, 1 << 20);
  const std::string piece = data(1, 0, std::string(16384, 'x'));
  out.clear();
  for (int i = 0; i < 256 / 16; ++i) ASSERT_TRUE(session.feed(piece));
  session.output(out, 1 << 20);
  EXPECT_EQ(std::string(view(out)), "");
  (void)session.feed(piece);
  session.output(out, 1 << 20);
  EXPECT_THAT(std::string(view(out)), AnyOf(HasSubstr(h2::frame(NGHTTP2_RST_STREAM, 0, 1, "\0\0\0\3"s)),
                                            HasSubstr("\0\0\0\1\0\0\0\3"s)));  // GOAWAY's
}

TEST_F(Http2Conformance,
       TableOfFourGibibytesIsNotMadeUseOf) {  // 6.5.2: a decoder of 4 KiB reads all that we write
  origin.on_any([](const Received& r) {
    return Reply::body(200, "", {{"x-long", std::string(1000, r.target().back())}});
  });
  Raw client(*this);
  client.send(setting(NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0xffffffff));
  nghttp2_hd_inflater* inflater = nullptr;
  ASSERT_EQ(nghttp2_hd_inflate_new(&inflater), 0);
  std::uint32_t id = 1;
  for (int round = 0; round < 3; ++round) {
    for (const char last : {'a', 'b', 'c', 'd', 'e', 'f', 'g'}) {
      Fields fields = request();
      fields.back().second = "/" + std::string(1, last);
      client.send(headers(fields, end_headers | end_stream, id));
      id += 2;
      auto frame = h2::read_frame(client.stream());
      while (frame && frame->type != NGHTTP2_HEADERS) frame = h2::read_frame(client.stream());
      ASSERT_TRUE(frame);
      std::string found;
      std::string& block = frame->payload;
      for (std::size_t at = 0; at < block.size();) {
        nghttp2_nv field{};
        int flags = 0;
        const ssize_t used =
            nghttp2_hd_inflate_hd2(inflater, &field, &flags,
                                   reinterpret_cast<std::uint8_t*>(block.data()) + at, block.size() - at, 1);
        ASSERT_GE(used, 0);
        at += static_cast<std::size_t>(used);
        const std::string_view name(reinterpret_cast<const char*>(field.name), field.namelen);
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0 && name == "x-long")
          found.assign(reinterpret_cast<const char*>(field.value), field.valuelen);
      }
      nghttp2_hd_inflate_end_headers(inflater);
      EXPECT_EQ(found, std::string(1000, last));
    }
  }
  nghttp2_hd_inflate_del(inflater);
}

}  // namespace
}  // namespace standin::proxy::test
