#include "tests/proxy/http2_raw.h"

namespace standin::proxy::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

struct Http2Attack : Http2Raw {};

TEST_F(Http2Attack, SoundRequestByHandIsAnswered) { EXPECT_EQ(answer_to(headers(request())), "HEADERS"); }

TEST_F(Http2Attack, RequestThatIsMalformedEndsItsStream) {  // RFC 9113 8.1.1, 8.2, 8.3
  Fields without_path = request();
  without_path.pop_back();
  Fields without_method = request();
  without_method.erase(without_method.begin());
  Fields late_pseudo = without_path;
  late_pseudo.insert(late_pseudo.end(), {{"x", "y"}, {":path", "/"}});
  Fields empty_path = without_path;
  empty_path.emplace_back(":path", "");
  const std::vector<std::pair<const char*, Fields>> malformed = {
      {"upper case", request({{"X-Upper", "1"}})},
      {"transfer-encoding", request({{"transfer-encoding", "chunked"}})},
      {"connection", request({{"connection", "x"}})},
      {"upgrade", request({{"upgrade", "h2c"}})},
      {"te", request({{"te", "gzip"}})},
      {"line end in a value", request({{"x", "a\r\nhost: b"}})},
      {"line feed in a value", request({{"x", "a\nb"}})},
      {"NUL in a value", request({{"x", std::string("a\0b", 3)}})},
      {"space in a name", request({{"x y", "1"}})},
      {"colon in a name", request({{"x:y", "1"}})},
      {"no name", request({{"", "1"}})},
      {"line end in a name", request({{"x\r\ny", "1"}})},
      {"no path", without_path},
      {"no method", without_method},
      {"empty path", empty_path},
      {"pseudo-field behind", late_pseudo},
      {"two paths", request({{":path", "/2"}})},
      {"unknown pseudo-field", request({{":extra", "1"}})},
      {"response's pseudo-field", request({{":status", "200"}})},
      {"two lengths", request({{"content-length", "0"}, {"content-length", "1"}})},
      {"no number", request({{"content-length", "+1"}})},
      {"length without body", request({{"content-length", "5"}})},
  };
  for (const auto& [what, fields] : malformed) EXPECT_EQ(answer_to(headers(fields)), "RST_STREAM 1") << what;
  EXPECT_EQ(interceptor.refused().size(), malformed.size());
  for (const auto& refused : interceptor.refused()) EXPECT_THAT(refused, StartsWith("400 bad_request"));
  EXPECT_TRUE(origin.requests().empty());
  EXPECT_THAT(interceptor.passed(), IsEmpty());
}

TEST_F(Http2Attack, LengthThatDisagreesWithTheBodyNeverLooksWhole) {  // "H2.CL"
  const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const char* length : {"0", "3", "1000"}) {
    EXPECT_EQ(answer_to(headers(request({{"content-length", length}}), end_headers) +
                        h2::frame(NGHTTP2_DATA, end_stream, 1, smuggled)),
              "RST_STREAM 1")
        << length;
  }
  for (const Received& request : origin.requests()) EXPECT_EQ(request.target(), "/");
}

TEST_F(Http2Attack, BodyOfABodilessLengthStaysABody) {  // "H2.TE"
  EXPECT_EQ(answer_to(headers(request(), end_headers) +
                      h2::frame(NGHTTP2_DATA, end_stream, 1, "0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n")),
            "HEADERS");
  ASSERT_THAT(origin.wait_for_requests(1), SizeIs(1));
  EXPECT_EQ(origin.last().body.bytes, "0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n");
}

TEST_F(Http2Attack, ProtocolErrorsEndTheConnection) {
  using namespace std::string_literals;
  const std::string open = headers(request(), end_headers);
  const std::vector<std::tuple<const char*, std::string, std::string>> wrong = {
      {"DATA on stream 0", h2::frame(NGHTTP2_DATA, 0, 0, "x"), "GOAWAY 1"},
      {"HEADERS on stream 0", headers(request(), end_headers, 0), "GOAWAY 1"},
      {"an even stream", headers(request(), end_headers, 2), "GOAWAY 1"},
      {"DATA before HEADERS", h2::frame(NGHTTP2_DATA, 0, 1, "x"), "GOAWAY 1"},
      {"a frame that is too large", h2::frame(NGHTTP2_DATA, 0, 1, std::string(16385, 'x')), "GOAWAY 6"},
      {"SETTINGS of five bytes", h2::frame(NGHTTP2_SETTINGS, 0, 0, "12345"), "GOAWAY 6"},
      {"PING of seven bytes", h2::frame(NGHTTP2_PING, 0, 0, "1234567"), "GOAWAY 6"},
      {"PUSH_PROMISE", h2::frame(NGHTTP2_PUSH_PROMISE, end_headers, 1, "\0\0\0\2"s), "GOAWAY 1"},
      {"WINDOW_UPDATE of nothing", h2::frame(NGHTTP2_WINDOW_UPDATE, 0, 0, "\0\0\0\0"s), "GOAWAY 1"},
      {"a window too large", h2::frame(NGHTTP2_WINDOW_UPDATE, 0, 0, "\x7f\xff\xff\xff"s), "GOAWAY 3"},
      {"HPACK that is none", h2::frame(NGHTTP2_HEADERS, end_headers, 1, "\xff\xff\xff\xff\xff"), "GOAWAY 9"},
      {"CONTINUATION of nothing", h2::frame(NGHTTP2_CONTINUATION, end_headers, 1, ""), "GOAWAY 1"},
      {"something between", h2::frame(NGHTTP2_HEADERS, 0, 1, "") + h2::frame(NGHTTP2_PING, 0, 0, "12345678"),
       "GOAWAY 1"},
      {"more padding than frame", h2::frame(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, "\x20x"), "GOAWAY 1"},
  };
  for (const auto& [what, bytes, said] : wrong) EXPECT_EQ(answer_to(bytes), said) << what;
}

TEST_F(Http2Attack, HeadOfMoreThan64KibIsRefused) {
  Raw client(*this);
  Fields fields = request();
  for (int i = 0; i < 5; ++i) fields.emplace_back("x-" + std::to_string(i), std::string(15000, 'x'));
  const std::string block = h2::fields(fields);
  std::string bytes = h2::frame(NGHTTP2_HEADERS, end_stream, 1, block.substr(0, 16000));
  for (std::size_t at = 16000; at < block.size(); at += 16000) {
    const bool last = at + 16000 >= block.size();
    bytes +=
        h2::frame(NGHTTP2_CONTINUATION, last ? end_headers : std::uint8_t{0}, 1, block.substr(at, 16000));
  }
  client.send(bytes);
  EXPECT_EQ(client.answer(), "HEADERS");
  EXPECT_THAT(interceptor.refused(), testing::ElementsAre(StartsWith("431 bad_request")));
}

TEST_F(Http2Attack, EveryFloodEndsTheConnectionAndIsToldOnce) {
  using namespace std::string_literals;
  std::string resets;
  std::uint32_t stream = 1;
  const auto rapid = [&] {
    std::string bytes;
    for (int i = 0; i < 100; ++i, stream += 2)
      bytes +=
          headers(request(), end_headers, stream) + h2::frame(NGHTTP2_RST_STREAM, 0, stream, "\0\0\0\x08"s);
    return bytes;
  };
  for (int i = 0; i < 20; ++i) resets += rapid();
  const std::string open = headers(request(), end_headers);
  std::string empty;
  for (int i = 0; i < 100; ++i) empty += h2::frame(NGHTTP2_DATA, 0, 1, "");
  std::string pings;
  for (int i = 0; i < 1000; ++i) pings += h2::frame(NGHTTP2_PING, 0, 0, "12345678");
  std::string settings;
  for (int i = 0; i < 1000; ++i) settings += h2::settings();
  std::string continuations;
  for (int i = 0; i < 300; ++i) continuations += h2::frame(NGHTTP2_CONTINUATION, 0, 1, "");
  const auto many = [](std::uint8_t type, std::uint32_t of, const std::string& payload) {
    std::string bytes;
    for (int i = 0; i < 1000; ++i) bytes += h2::frame(type, 0, of, payload);
    return bytes;
  };
  std::string padded;
  for (int i = 0; i < 100; ++i) padded += h2::frame(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, "\0"s);
  std::string surplus;  // of a client that does not acknowledge how many streams it may have
  for (std::uint32_t i = 1; i < 6000; i += 2) surplus += headers(request(), end_headers, i);
  stream = 1;
  std::string provoked;  // each ended by us, for what came on it
  for (int i = 0; i < 1000; ++i, stream += 2)
    provoked += headers(request(), end_headers, stream) +
                h2::frame(NGHTTP2_WINDOW_UPDATE, 0, stream, "\x7f\xff\xff\xff"s);
  const std::vector<std::tuple<const char*, std::string, std::string>> floods = {
      {"PRIORITY", "", many(NGHTTP2_PRIORITY, 1, "\0\0\0\0\1"s)},
      {"WINDOW_UPDATE of the connection", "", many(NGHTTP2_WINDOW_UPDATE, 0, "\0\0\0\1"s)},
      {"WINDOW_UPDATE of a stream", open, many(NGHTTP2_WINDOW_UPDATE, 1, "\0\0\0\1"s)},
      {"unknown frames", "", many(0xfa, 7, "what?")},
      {"GOAWAY", open, many(NGHTTP2_GOAWAY, 0, std::string(8, '\0'))},
      {"SETTINGS that change", "", many(NGHTTP2_SETTINGS, 0, "\0\4\0\1\0\0\0\1\0\0\0\0"s)},
      {"RST_STREAM of what has ended", headers(request()), many(NGHTTP2_RST_STREAM, 1, "\0\0\0\5"s)},
      {"DATA of padding alone", open, padded},
      {"streams beyond the limit", "", surplus},
      {"streams that we have to end", "", provoked},
      {"rapid reset", "", resets},
      {"empty DATA", open, empty},
      {"PING", "", pings},
      {"SETTINGS", "", settings},
      {"CONTINUATION", h2::frame(NGHTTP2_HEADERS, 0, 1, ""), continuations},
  };
  std::size_t told = 0;
  for (const auto& [what, first, piece] : floods) {
    Raw client(*this);
    client.send(first);
    EXPECT_THAT(client.flood(piece, 50), StartsWith("GOAWAY")) << what;
    client.reset();
    Session after(*this);  // on the one thread of the proxy: what it had to tell is told
    EXPECT_EQ(after.get("/").status, 200U);
    std::size_t now = 0;
    for (const auto& refused : interceptor.refused())
      now += refused.find("HTTP/2 that is none") != refused.npos;
    EXPECT_EQ(now, told + 1) << what;
    told = now;
  }
}

TEST_F(Http2Attack, WhatFollowsAFloodInTheSameBytesIsNotRead) {
  // nghttp2 before 1.68.1 fails an assertion at a bad frame after a callback ended its session.
  std::string flood = headers(request(), end_headers);
  for (int i = 0; i < 1001; ++i) flood += h2::frame(NGHTTP2_DATA, 0, 1, "");
  ASSERT_LT(flood.size(), 16 * 1024U);  // one TLS record, and so read at once
  for (const auto type : {NGHTTP2_PING, NGHTTP2_SETTINGS, NGHTTP2_RST_STREAM, NGHTTP2_WINDOW_UPDATE}) {
    Raw client(*this);
    client.send(flood + h2::frame(type, 0, 0, "short"));
    EXPECT_EQ(client.flood("", 0), "GOAWAY 11");  // ENHANCE_YOUR_CALM
  }
  Session after(*this);
  EXPECT_EQ(after.get("/").status, 200U);
}

TEST_F(Http2Attack, CutAtEveryByteIsTheSameRequest) {
  const std::string bytes =
      headers(request({{"x", std::string(stand_in)}}), end_headers) + h2::frame(NGHTTP2_DATA, 0, 1, "body") +
      h2::frame(NGHTTP2_DATA, 0, 1, "") +
      h2::frame(NGHTTP2_HEADERS, end_headers | end_stream, 1, h2::fields({{"x-t", "1"}}));
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    Raw client(*this);
    client.send(bytes.substr(0, cut));
    client.send(bytes.substr(cut));
    EXPECT_EQ(client.answer(), "HEADERS") << cut;
    const Received seen = origin.last();
    EXPECT_EQ(seen.body.bytes, "body") << cut;
    EXPECT_EQ(seen.body.trailers, (Fields{{"x-t", "1"}})) << cut;
    EXPECT_EQ(seen.field("x"), secret) << cut;
  }
}

}  // namespace
}  // namespace standin::proxy::test
