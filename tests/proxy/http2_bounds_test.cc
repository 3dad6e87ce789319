// What a peer of HTTP/2 may take of our time: heads that do not end, frames of no use, silence.
#include "proxy/http2_patience.h"
#include "proxy/http2_pulse.h"
#include "proxy/http2_session.h"
#include "tests/proxy/http2_raw.h"

namespace standin::proxy::test {
namespace {

using namespace std::string_literals;
using std::chrono::seconds;
using testing::Contains;
using testing::HasSubstr;

struct Http2Bounds : Http2Raw {
  RawH2Origin raw;
};

TEST_F(Http2Bounds, HeadsAndPrefacesThatNeverEndAreEnded) {
  options.limits.client_head = seconds(1);
  const std::string open = std::string(h2::preface) + h2::settings();
  const std::string whole = headers(request());
  Raw kept(*this);
  kept.send(headers(request()));
  EXPECT_EQ(kept.answer(), "HEADERS");
  const std::vector<std::pair<const char*, std::string>> unfinished = {
      {"no preface", ""},
      {"half a preface", std::string(h2::preface.substr(0, 12))},
      {"no SETTINGS", std::string(h2::preface)},
      {"half of a frame", open + whole.substr(0, whole.size() - 1)},
      {"no END_HEADERS", open + headers(request(), end_stream)},
      {"half of a CONTINUATION",
       open + headers(request(), end_stream) + h2::frame(NGHTTP2_CONTINUATION, 0, 1, "xy").substr(0, 10)},
      {"a second request's", open + whole + headers(request(), end_stream, 3)},
      {"trailers", open + headers(request(), end_headers) + headers({{"x", "y"}}, end_stream)},
  };
  std::vector<std::unique_ptr<Raw>> clients;
  for (const auto& [what, bytes] : unfinished)
    clients.push_back(std::make_unique<Raw>(*this, std::string_view(bytes.c_str(), bytes.size())));
  for (std::size_t i = 0; i < clients.size(); ++i) {
    std::string said = clients[i]->answer();
    if (said == "HEADERS") said = clients[i]->answer();
    EXPECT_EQ(said, "GOAWAY 11") << unfinished[i].first;
    EXPECT_EQ(clients[i]->answer(), "end") << unfinished[i].first;
  }
  kept.send(headers(request(), end_headers | end_stream, 3));
  EXPECT_EQ(kept.answer(), "HEADERS");  // which may be idle for as long as it likes
  EXPECT_THAT(interceptor.refused(), Contains(HasSubstr("a head that does not end")));
}

TEST_F(Http2Bounds, PrefaceWithoutTlsThatNeverEndsIsEnded) {
  options.limits.client_head = seconds(1);
  bind("http://" + raw.authority());
  Outside client(*this);
  EXPECT_EQ(client.connect(raw.authority(), userinfo()).status, 200U);
  client.send(h2::preface.substr(0, 12));
  EXPECT_TRUE(client.at_end());
}

TEST_F(Http2Bounds, ResponseHeadThatNeverEndsIsEnded) {
  options.limits.client_head = seconds(1);
  bind("http://" + raw.authority());
  PlainHttp2 client(*this, raw.authority());
  const auto id = client.ask("GET");
  const auto far = raw.accept();
  ASSERT_TRUE(RawH2Origin::next(*far, NGHTTP2_HEADERS));
  far->write(RawH2Origin::head_of(1, {{":status", "200"}}, 0));
  EXPECT_EQ(client.peer.await_end(id).field(":status"), "502");
  EXPECT_TRUE(RawH2Origin::next(*far, NGHTTP2_GOAWAY));
}

TEST_F(Http2Bounds, RequestOnAConnectionThatDiedSilentlyIsSentAgain) {
  options.limits.http2_silence = options.limits.http2_answer = seconds(1);
  bind("http://" + raw.authority());
  PlainHttp2 client(*this, raw.authority());
  auto id = client.ask("GET");
  const auto deaf = raw.accept();
  ASSERT_TRUE(RawH2Origin::next(*deaf, NGHTTP2_HEADERS));
  deaf->write(RawH2Origin::head_of(1, {{":status", "200"}}, end_headers | end_stream));
  EXPECT_EQ(client.peer.await_end(id).field(":status"), "200");
  id = client.ask("GET");
  ASSERT_TRUE(RawH2Origin::next(*deaf, NGHTTP2_HEADERS));
  EXPECT_TRUE(RawH2Origin::next(*deaf, NGHTTP2_PING));  // and is not answered
  const auto other = raw.accept();
  ASSERT_TRUE(RawH2Origin::next(*other, NGHTTP2_HEADERS));
  other->write(RawH2Origin::head_of(1, {{":status", "201"}}, end_headers | end_stream));
  EXPECT_EQ(client.peer.await_end(id).field(":status"), "201");
  EXPECT_FALSE(RawH2Origin::next(*deaf, NGHTTP2_HEADERS));  // its end
}

TEST_F(Http2Bounds, RequestThatMayHaveBeenActedOnIsNotSentAgain) {
  options.limits.http2_silence = options.limits.http2_answer = seconds(1);
  bind("http://" + raw.authority());
  PlainHttp2 client(*this, raw.authority());
  auto id = client.ask("GET");
  const auto deaf = raw.accept();
  ASSERT_TRUE(RawH2Origin::next(*deaf, NGHTTP2_HEADERS));
  deaf->write(RawH2Origin::head_of(1, {{":status", "200"}}, end_headers | end_stream));
  EXPECT_EQ(client.peer.await_end(id).field(":status"), "200");
  id = client.ask("POST");
  EXPECT_EQ(client.peer.await_end(id).field(":status"), "502");
}

TEST_F(Http2Bounds, OriginThatAnswersPingsMayTakeItsTime) {
  options.limits.http2_silence = seconds(1);
  options.limits.http2_answer = seconds(2);
  options.limits.client_head = seconds(4);
  bind("http://" + raw.authority());
  PlainHttp2 client(*this, raw.authority());
  const auto id = client.ask("GET");
  const auto slow = raw.accept();
  ASSERT_TRUE(RawH2Origin::next(*slow, NGHTTP2_HEADERS));
  const auto asked = RawH2Origin::next(*slow, NGHTTP2_PING);
  ASSERT_TRUE(asked);
  slow->write(h2::frame(NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, asked->payload));
  // By the same looks: longer than the connection would have been given.
  Raw unfinished(*this);
  unfinished.send(headers(request(), end_stream));
  EXPECT_EQ(unfinished.answer(), "GOAWAY 11");
  slow->write(RawH2Origin::head_of(1, {{":status", "200"}}, end_headers | end_stream));
  EXPECT_EQ(client.peer.await_end(id).field(":status"), "200");
}

/// Looks at an origin that is waited for, second by second.
struct Pulse {
  using Next = Http2Pulse::Next;
  Limits limits{.http2_silence = seconds(10), .http2_answer = seconds(20)};
  Http2Pulse::Time now{};
  Http2Pulse pulse{now};
  /// How many seconds until something is to be done; what it is.
  std::pair<int, Next> until_something(int most, bool waited_for = true) {
    for (int i = 1; i <= most; ++i) {
      const Next next = look({.is_waited_for = waited_for});
      if (next != Next::nothing) return {i, next};
    }
    return {most, Next::nothing};
  }
  Next look(Http2Pulse::Signs signs) { return pulse.look(now += seconds(1), signs, limits); }
};

TEST(Http2Pulse, SilenceIsAskedAboutAndThenGivenUp) {
  Pulse origin;
  EXPECT_EQ(origin.until_something(1000), std::pair(10, Http2Pulse::Next::ask));
  EXPECT_EQ(origin.until_something(1000), std::pair(20, Http2Pulse::Next::give_up));
}

TEST(Http2Pulse, ConnectionThatNobodyWaitsForIsLeftAloneAndAskedAtItsNextUse) {
  Pulse origin;
  EXPECT_EQ(origin.until_something(1000, false), std::pair(1000, Http2Pulse::Next::nothing));
  EXPECT_EQ(origin.until_something(1000), std::pair(1, Http2Pulse::Next::ask));
}

TEST(Http2Pulse, AnswersAloneAreNotAskedForAgainForFiveMinutes) {  // gRPC's "too_many_pings"
  Pulse origin;
  EXPECT_EQ(origin.until_something(1000), std::pair(10, Http2Pulse::Next::ask));
  EXPECT_EQ(origin.look({.heard = true, .is_waited_for = true}), Http2Pulse::Next::nothing);
  EXPECT_EQ(origin.until_something(1000), std::pair(309, Http2Pulse::Next::ask));
  EXPECT_EQ(origin.look({.heard = true, .news = 1, .is_waited_for = true}), Http2Pulse::Next::nothing);
  for (int i = 0; i < 9; ++i)
    EXPECT_EQ(origin.look({.news = 1, .is_waited_for = true}), Http2Pulse::Next::nothing);
  EXPECT_EQ(origin.look({.news = 1, .is_waited_for = true}), Http2Pulse::Next::ask);
}

TEST(Http2Pulse, SlowUploadIsNotGivenUp) {
  Pulse origin;
  EXPECT_EQ(origin.until_something(1000), std::pair(10, Http2Pulse::Next::ask));
  for (int i = 0; i < 1000; ++i)
    EXPECT_EQ(origin.look({.taking = true, .is_waited_for = true}), Http2Pulse::Next::nothing);
  EXPECT_EQ(origin.until_something(1000), std::pair(20, Http2Pulse::Next::give_up));
}

struct Patience {
  Http2Patience patience{Http2Patience::Preface::expected};
  Patience() { EXPECT_TRUE(patience.look_at(std::string(h2::preface) + h2::settings())); }
  /// How many such frames in a row are one too many.
  int most_of(const std::string& frame, int most = 1'000'000) {
    for (int i = 1; i <= most; ++i) {
      if (!patience.look_at(frame)) return i;
    }
    return 0;
  }
  const std::string window = h2::frame(NGHTTP2_WINDOW_UPDATE, 0, 0, "\0\0\0\1"s);
  const std::string priority = h2::frame(NGHTTP2_PRIORITY, 0, 1, "\0\0\0\0\1"s);
  const std::string ping = h2::frame(NGHTTP2_PING, 0, 0, "12345678");
};

TEST(Http2Patience, HeadIsTheSameOneByteByByteAndTheNextIsAnother) {
  Http2Patience patience(Http2Patience::Preface::expected);
  const std::string open = std::string(h2::preface) + h2::settings();
  for (const char byte : open) {
    EXPECT_EQ(patience.unfinished_head(), 0U);
    EXPECT_TRUE(patience.look_at({&byte, 1}));
  }
  EXPECT_EQ(patience.unfinished_head(), std::nullopt);
  const std::string head = h2::frame(NGHTTP2_HEADERS, 0, 1, "abc") +
                           h2::frame(NGHTTP2_CONTINUATION, 0, 1, "") +
                           h2::frame(NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, 1, "def");
  const std::string body = h2::frame(NGHTTP2_DATA, 0, 1, "body");
  for (std::uint64_t ordinal = 1; ordinal < 3; ++ordinal) {
    for (std::size_t i = 0; i < head.size(); ++i) {
      EXPECT_EQ(patience.unfinished_head(), i < 9 ? std::nullopt : std::optional(ordinal)) << i;
      EXPECT_TRUE(patience.look_at(head.substr(i, 1)));
    }
    EXPECT_EQ(patience.unfinished_head(), std::nullopt);
    EXPECT_TRUE(patience.look_at(body));
    EXPECT_EQ(patience.unfinished_head(), std::nullopt);
  }
}

TEST(Http2Patience, FramesOfNoUseAreBounded) {
  for (const std::string& frame : {Patience().window, Patience().priority, Patience().ping})
    EXPECT_NEAR(Patience().most_of(frame), 10'000, 20);
  EXPECT_NEAR(Patience().most_of(h2::settings()), 1000, 2);
  EXPECT_NEAR(Patience().most_of(h2::frame(0xfa, 0, 0, std::string(16384, 'x'))), 10'000 / 17, 2);
}

TEST(Http2Patience, OrdinaryUseNeverAddsUp) {
  Patience download;  // twenty gigabytes, whose client says twice for each frame that it took it
  for (int i = 0; i < 1'200'000; ++i) {
    download.patience.data_sent();
    if (!download.patience.look_at(download.window) || !download.patience.look_at(download.window))
      FAIL() << i;
  }
  Patience browser;
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_TRUE(browser.patience.look_at(h2::frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, "")));
    browser.patience.message_came();
    for (int k = 0; k < 4; ++k) ASSERT_TRUE(browser.patience.look_at(browser.priority));
    ASSERT_TRUE(browser.patience.look_at(browser.window));
  }
  Patience idle;  // for three days, with a PING a second
  for (int i = 0; i < 3 * 86400; ++i) {
    if (!idle.patience.look_at(idle.ping)) FAIL() << i;
    idle.patience.forgive();
  }
  EXPECT_NEAR(idle.most_of(idle.ping), 10'000, 20);  // nothing was saved
}

TEST(Http2Patience, LongDownloadWithAWindowForEachFrameIsNotCalmed) {
  Http2Session session(Http2Session::Role::server);
  const std::string host = "localhost";
  ASSERT_TRUE(session.feed(
      std::string(h2::preface) + h2::settings() +
      h2::frame(
          NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1,
          h2::fields({{":method", "GET"}, {":scheme", "https"}, {":authority", host}, {":path", "/"}}))));
  const auto requests = session.take_requests();
  ASSERT_EQ(requests.size(), 1U);
  Http2Block head;
  head.add(":status", "200");
  session.respond(*requests[0], head, false);
  const std::string piece(16384, 'x');
  WipingBuffer out;
  std::size_t sent = 0;
  for (int i = 0; i < 12'000; ++i) {
    requests[0]->sending = piece;
    session.resume(*requests[0]);
    out.clear();
    session.output(out, 1 << 20);
    sent += out.size();
    const std::string opened = "\0\0\x40\0"s;
    ASSERT_TRUE(session.feed(h2::frame(NGHTTP2_WINDOW_UPDATE, 0, 0, opened) +
                             h2::frame(NGHTTP2_WINDOW_UPDATE, 0, 1, opened)))
        << i;
  }
  EXPECT_GT(sent, 12'000U * 16384U);
}

}  // namespace
}  // namespace standin::proxy::test
