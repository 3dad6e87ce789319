// Requests that an origin did nothing about, and connections that take no more.
#include <atomic>

#include "tests/proxy/http2_fixture.h"

namespace standin::proxy::test {
namespace {

using testing::HasSubstr;

TEST_F(Http2Test, RequestThatTheOriginDidNotLookAtIsSentAgain) {
  std::atomic<int> asked = 0;
  http2_origin.on_whole = [&](H2Peer& peer, std::int32_t id) {
    if (asked++ == 0)
      peer.reset(id, NGHTTP2_REFUSED_STREAM);
    else
      peer.respond(id, {{{":status", "200"}}, peer.message(id).body, {}});
  };
  H2Session client(*this, http2_origin.authority());
  EXPECT_EQ(client.post("/", "again").body, "again");
  EXPECT_EQ(asked, 2);
}

TEST_F(Http2Test, OriginThatRequiresHttp1ForARequestGetsItInHttp1) {
  H2Origin both({.certificate = pki.make_certificate({"localhost"}), .knows_http1 = true});
  both.on_whole = [](H2Peer& peer, std::int32_t id) { peer.reset(id, NGHTTP2_HTTP_1_1_REQUIRED); };
  bind("https://" + both.authority());
  H2Session client(*this, both.authority());
  EXPECT_EQ(client.post("/", "body", {{"content-length", "4"}}).body, "old body");
  EXPECT_EQ(client.get("/").body, "old ");
  EXPECT_EQ(both.connections(), 2U);
}

TEST_F(Http2Test, BodyThatWasNotBegunIsSentInHttp1AfterAll) {
  H2Origin both({.certificate = pki.make_certificate({"localhost"}), .knows_http1 = true});
  both.on_head = [](H2Peer& peer, std::int32_t id) { peer.reset(id, NGHTTP2_HTTP_1_1_REQUIRED); };
  bind("https://" + both.authority());
  H2Session client(*this, both.authority());
  const auto id = client.peer.request({client.head("POST", "/", {{"content-length", "4"}}), {}, {}, true});
  client.peer.flush();
  // The proxy has been told before the body comes: it has connected again.
  while (both.connections() < 2) EXPECT_EQ(client.get("/").field(":status"), "200");
  client.peer.send(id, "body", true);
  EXPECT_EQ(client.peer.await_end(id).body, "old body");
}

TEST_F(Http2Test, BodyThatHasBegunIsNotSentAgainAndItIsSaidWhy) {
  H2Origin both({.certificate = pki.make_certificate({"localhost"}), .knows_http1 = true});
  both.on_data = [](H2Peer& peer, std::int32_t id, std::string_view) {
    if (peer.message(id).body.size() == 8) peer.reset(id, NGHTTP2_HTTP_1_1_REQUIRED);
  };
  both.on_head = [](H2Peer&, std::int32_t) {};
  bind("https://" + both.authority());
  H2Session client(*this, both.authority());
  const auto id = client.peer.request({client.head("POST", "/"), "body", {}, true});
  client.peer.flush();
  client.peer.send(id, "more", false);
  const H2Message& got = client.peer.await_end(id);
  EXPECT_EQ(got.field(":status"), "502");
  EXPECT_THAT(got.body, HasSubstr("did nothing about the request"));
}

TEST_F(Http2Test, ConnectionThatTheOriginGivesUpGetsNoMoreRequests) {
  std::atomic<int> asked = 0;
  http2_origin.on_whole = [&](H2Peer& peer, std::int32_t id) {
    if (asked++ == 0) {
      peer.go_away(id, NGHTTP2_NO_ERROR);
      peer.flush();
    }
    peer.respond(id, {{{":status", "200"}}, "x", {}});
  };
  H2Session client(*this, http2_origin.authority());
  EXPECT_EQ(client.get("/").body, "x");
  EXPECT_EQ(client.get("/").body, "x");
  EXPECT_EQ(http2_origin.connections(), 2U);
}

TEST_F(Http2Test, OriginOfFewStreamsGetsMoreConnections) {
  H2Origin narrow({.certificate = pki.make_certificate({"localhost"}), .settings = {.max_streams = 2}});
  const Gate all_asked;
  std::atomic<int> asked = 0;
  narrow.on_whole = [&](H2Peer& peer, std::int32_t id) {
    ++asked;
    peer.respond(id, {{{":status", "200"}}, "x", {}});
  };
  bind("https://" + narrow.authority());
  H2Session client(*this, narrow.authority());
  EXPECT_EQ(client.get("/").body, "x");
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(client.peer.request({client.head("GET", "/"), {}, {}}));
  for (const auto id : ids) EXPECT_EQ(client.peer.await_end(id).body, "x");
  EXPECT_EQ(asked, 21);
}

TEST_F(Http2Test, ClientThatDoesNotReadHoldsNobodyElseUp) {
  const std::string large(2 << 20, 'x');
  http2_origin.on_whole = [&](H2Peer& peer, std::int32_t id) {
    peer.respond(id, {{{":status", "200"}}, large, {}});
  };
  H2Session deaf(*this, http2_origin.authority(), {.opens_window = false});
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 40; ++i) ids.push_back(deaf.peer.request({deaf.head("GET", "/"), {}, {}}));
  for (const auto id : ids) deaf.peer.run_until([&] { return !deaf.peer.message(id).fields.empty(); });
  H2Session other(*this, http2_origin.authority());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(other.get("/").body.size(), large.size());
  EXPECT_EQ(http2_origin.connections(), 1U) << "they share it";
}

}  // namespace
}  // namespace standin::proxy::test
