// What RFC 9113 says a client MUST do about what an origin must not, and what its own client then gets.
#include "tests/proxy/http2_raw.h"

namespace standin::proxy::test {
namespace {

using namespace std::string_literals;
using testing::AnyOf;
using testing::Matcher;

struct Http2Origin : Http2Raw {
  struct Case {
    const char* what;
    std::string bytes;              // behind the request
    Matcher<std::string> told;      // what the origin is: "RST_STREAM 1", "GOAWAY 1"
    Matcher<std::string> answered;  // what the client is: a status, "reset", "502"
  };
  static std::string head(const Fields& fields, std::uint8_t flags = end_headers | end_stream,
                          std::uint32_t stream = 1) {
    return h2::frame(NGHTTP2_HEADERS, flags, stream, h2::fields(fields));
  }
  static std::string data(std::string_view bytes, std::uint8_t flags = end_stream) {
    return h2::frame(NGHTTP2_DATA, flags, 1, bytes);
  }
  /// "GOAWAY 1", "RST_STREAM 1", or "fine" where a PING is answered first; the end of all of it.
  static std::string told(standin::test::Stream& stream) {
    std::string said = "end";
    for (int pongs = 0; pongs < 2;) {
      const auto frame = h2::read_frame(stream);
      if (!frame) return said;
      const auto code = [&](std::size_t at) {
        return std::to_string(static_cast<unsigned char>(frame->payload.at(at + 3)));
      };
      if (frame->type == NGHTTP2_RST_STREAM) return "RST_STREAM " + code(0);
      if (frame->type == NGHTTP2_GOAWAY) return "GOAWAY " + code(4);
      if (frame->type != NGHTTP2_PING) continue;
      said = ++pongs == 2 ? "fine" : said;
      stream.write(h2::frame(NGHTTP2_PING, 0, 0, "sentinel"));
    }
    return said;
  }
};

TEST_F(Http2Origin, ThatBreaksTheRulesIsToldAndTheClientToo) {
  const Fields ok = {{":status", "200"}};
  const auto with = [&](const char* name, const std::string& value) {
    return head({{":status", "200"}, {name, value}});
  };
  const Matcher<std::string> of_stream = AnyOf("RST_STREAM 1", "GOAWAY 1");
  const Matcher<std::string> cut = AnyOf("reset", "502");
  const std::vector<Case> cases = {
      {"a sound response", head(ok), "fine", "200"},
      {"no status", head({{"x", "y"}}), of_stream, "502"},
      {"two statuses", with(":status", "201"), of_stream, "502"},
      {"a status of two digits", head({{":status", "20"}}), of_stream, "502"},
      {"a status of letters", head({{":status", "abc"}}), of_stream, "502"},
      {"101, which HTTP/2 has not", head({{":status", "101"}}, end_headers) + head(ok), of_stream, "502"},
      {"a status behind a field", head({{"x", "y"}, {":status", "200"}}), of_stream, "502"},
      {"a request's pseudo-field", with(":path", "/"), of_stream, "502"},
      {"upper case", with("X-Upper", "1"), of_stream, "502"},
      {"connection", with("connection", "x"), of_stream, "502"},
      {"transfer-encoding", with("transfer-encoding", "chunked"), of_stream, "502"},
      {"a line end in a value", with("x", "a\r\nset-cookie: b"), of_stream, "502"},
      {"NUL in a value", with("x", "a\0b"s), of_stream, "502"},
      {"an interim response that ends it", head({{":status", "103"}}), of_stream, "502"},
      {"DATA before the head", data("x"), AnyOf(of_stream, "GOAWAY 1"), "502"},
      {"more than its length", head({{":status", "200"}, {"content-length", "1"}}, end_headers) + data("xy"),
       of_stream, cut},
      {"less than its length", head({{":status", "200"}, {"content-length", "3"}}, end_headers) + data("xy"),
       of_stream, cut},
      {"a body of 204", head({{":status", "204"}}, end_headers) + data("xy"),
       Matcher<std::string>(testing::_), AnyOf("204", "reset", "502")},
      {"trailers that end nothing", head(ok, end_headers) + head({{"x", "y"}}, end_headers), of_stream, cut},
      {"a pseudo-field in trailers", head(ok, end_headers) + data("x", 0) + head({{":status", "200"}}),
       of_stream, cut},
      {"a stream of its own", head(ok, end_headers, 2), "GOAWAY 1", "502"},
      {"a stream that nobody asked on", head(ok, end_headers, 3), "GOAWAY 1", "502"},
      {"a push",
       h2::frame(NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, "") +
           h2::frame(NGHTTP2_PUSH_PROMISE, end_headers, 1, "\0\0\0\2"s + h2::fields(request())),
       "GOAWAY 1", "502"},
      {"SETTINGS that allow pushes", h2::frame(NGHTTP2_SETTINGS, 0, 0, "\0\2\0\0\0\1"s), "GOAWAY 1", "502"},
      {"HPACK that is none", h2::frame(NGHTTP2_HEADERS, end_headers, 1, "\x80"), "GOAWAY 9", "502"},
      {"a table larger than ours", h2::frame(NGHTTP2_HEADERS, end_headers, 1, "\x3f\xe2\x1f\x88"), "GOAWAY 9",
       "502"},
      {"a frame too large", data(std::string(16385, 'x')), AnyOf("GOAWAY 6", "RST_STREAM 6"), "502"},
      {"a window beyond 2^31 - 1", h2::frame(NGHTTP2_WINDOW_UPDATE, 0, 0, "\x7f\xff\xff\xff"s), "GOAWAY 3",
       "502"},
  };
  std::vector<std::unique_ptr<RawH2Origin>> origins;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    origins.push_back(std::make_unique<RawH2Origin>());
    bind("http://" + origins.back()->authority());
  }
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto& [what, bytes, told_it, answered] = cases[i];
    PlainHttp2 client(*this, origins[i]->authority());
    const auto id = client.ask("POST");  // which is not sent again
    const auto far = origins[i]->accept();
    ASSERT_TRUE(RawH2Origin::next(*far, NGHTTP2_HEADERS));
    far->write(bytes + h2::frame(NGHTTP2_PING, 0, 0, "sentinel"));
    EXPECT_THAT(told(*far), told_it) << what;
    const auto& got = client.peer.await_end(id);
    const std::string status = got.field(":status");
    EXPECT_THAT(got.error != 0 ? "reset" : status, answered) << what;
  }
}

TEST_F(Http2Origin, ThatFloodsIsGivenUp) {
  RawH2Origin raw;
  bind("http://" + raw.authority());
  PlainHttp2 client(*this, raw.authority());
  const auto id = client.ask("POST");
  const auto far = raw.accept();
  ASSERT_TRUE(RawH2Origin::next(*far, NGHTTP2_HEADERS));
  std::string flood;
  for (int i = 0; i < 10'010; ++i) flood += h2::frame(0xfa, 0, 0, "");
  far->write(flood);
  EXPECT_EQ(told(*far), "GOAWAY 11");
  EXPECT_EQ(client.peer.await_end(id).field(":status"), "502");
}

}  // namespace
}  // namespace standin::proxy::test
