#include <atomic>
#include <thread>

#include "tests/proxy/http2_fixture.h"

namespace standin::proxy::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using testing::StartsWith;

TEST_F(Http2Test, RequestGoesToAnOriginOfHttp1AsHttp1) {
  origin.on("/path", [](const Received&) { return Reply::chunked({"one", "two"}, {{"X-Sum", "6"}}); });
  H2Session client(*this, authority());
  const H2Message& got = client.get("/path?q=1", {{"authorization", "Bearer " + std::string(stand_in)},
                                                  {"cookie", "a=1"},
                                                  {"cookie", "b=2"},
                                                  {"te", "trailers"}});
  EXPECT_EQ(got.field(":status"), "200");
  EXPECT_EQ(got.body, "onetwo");
  EXPECT_EQ(got.trailer("x-sum"), "6");
  EXPECT_EQ(got.field("transfer-encoding"), "");
  const Received seen = origin.last();
  EXPECT_EQ(seen.target(), "/path?q=1");
  EXPECT_EQ(seen.field("host"), authority());
  EXPECT_EQ(seen.field("authorization"), "Bearer " + std::string(secret));
  EXPECT_EQ(seen.field("cookie"), "a=1; b=2");
  EXPECT_THAT(interceptor.passed(), ElementsAre("GET https://" + authority() + " /path?q=1"));
}

TEST_F(Http2Test, RequestGoesToAnOriginOfHttp2AsHttp2) {
  http2_origin.on_whole = [](H2Peer& peer, std::int32_t id) {
    peer.interim(id, {{":status", "103"}, {"link", "</a>"}});
    peer.respond(
        id, {{{":status", "200"}, {"x-a", "1"}}, "hello " + peer.message(id).body, {{"grpc-status", "0"}}});
  };
  H2Session client(*this, http2_origin.authority());
  const H2Message& got =
      client.post("/p", "body", {{"authorization", std::string(stand_in)}, {"te", "trailers"}});
  EXPECT_EQ(got.field(":status"), "200");
  EXPECT_EQ(got.body, "hello body");
  EXPECT_EQ(got.trailer("grpc-status"), "0");
  ASSERT_THAT(got.interim, SizeIs(1));
  EXPECT_THAT(got.interim[0], Contains(Pair("link", "</a>")));
  const H2Message seen = http2_origin.last();
  EXPECT_EQ(seen.field(":authority"), http2_origin.authority());
  EXPECT_EQ(seen.field("authorization"), secret);
  EXPECT_EQ(seen.field("te"), "trailers");
  EXPECT_EQ(seen.field("host"), "");
}

TEST_F(Http2Test, ClientOfHttp1ReachesAnOriginThatSpeaksNothingElseThanHttp2) {
  http2_origin.on_whole = [](H2Peer& peer, std::int32_t id) {
    peer.respond(id, {{{":status", "200"}}, "to " + peer.message(id).field("x-name"), {}});
  };
  Session client(*this, http2_origin.authority());
  for (int i = 0; i < 2; ++i) {
    const Response got = client.get("/", {{"X-Name", "me"}, {"Connection", "x-hop"}, {"X-Hop", "1"}});
    EXPECT_EQ(got.status, 200U);
    EXPECT_EQ(got.body.bytes, "to me");
  }
  EXPECT_EQ(http2_origin.last().field("x-hop"), "");
  EXPECT_EQ(http2_origin.connections(), 2U);  // the first did not agree on a protocol
}

TEST_F(Http2Test, ClientOfHttp1ReachesAnOriginThatHangsUpOnHttp1WithoutAWord) {
  using Mismatch = H2Origin::Options::Mismatch;
  for (const Mismatch mismatch : {Mismatch::hangs_up, Mismatch::breaks_off}) {
    for (const std::string method : {"GET", "POST", "PUT"}) {
      H2Origin curt({.certificate = pki.make_certificate({"localhost"}), .mismatch = mismatch});
      curt.on_whole = [](H2Peer& peer, std::int32_t id) {
        peer.respond(id, {{{":status", "200"}}, std::to_string(peer.message(id).body.size()), {}});
      };
      proxy.reset();
      bind("https://" + curt.authority());
      Session client(*this, curt.authority());
      const std::string body(method == "GET" ? 0 : 1 << 20, 'b');
      for (int i = 0; i < 2; ++i) {
        const Response got = client.request(method, "/", curt.authority(), {}, body);
        EXPECT_EQ(got.status, 200U) << method;
        EXPECT_EQ(got.body.bytes, std::to_string(body.size()));
      }
      // Those of HTTP/1.1 (one of them may have been made ahead), and the one for all that follows.
      EXPECT_LE(curt.connections(), 3U) << method;
    }
  }
}

TEST_F(Http2Test, OriginThatOnlyAgreesOnNothingIsSpokenToInHttp1) {
  FakeUpstream old({.certificate = pki.make_certificate({"localhost"}), .alpn = ""});
  const std::string host = "localhost:" + std::to_string(old.port());
  bind(host);
  Session client(*this, host);
  EXPECT_EQ(client.get("/").status, 200U);
  EXPECT_EQ(client.post("/", "first").status, 200U);
  EXPECT_EQ(old.connections(), 1U);
  FakeUpstream other({.certificate = pki.make_certificate({"localhost"}), .alpn = ""});
  const std::string posted = "localhost:" + std::to_string(other.port());
  proxy.reset();
  bind(posted);
  Session poster(*this, posted);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(poster.post("/", "body").status, 200U);
  EXPECT_EQ(other.connections(), 2U);  // the second to find out what it speaks
  EXPECT_EQ(other.requests().size(), 3U);
}

TEST_F(Http2Test, ManyRequestsShareOneConnectionToTheOrigin) {
  H2Session client(*this, http2_origin.authority());
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 50; ++i)
    ids.push_back(client.peer.request({client.head("GET", "/" + std::to_string(i)), {}, {}}));
  for (const std::int32_t id : ids) EXPECT_EQ(client.peer.await_end(id).body, "ok");
  EXPECT_EQ(http2_origin.connections(), 1U);
}

TEST_F(Http2Test, StreamsBothWaysAtOnce) {
  http2_origin.on_head = [](H2Peer& peer, std::int32_t id) {
    peer.respond(id, {{{":status", "200"}, {"content-type", "application/grpc"}}, {}, {}, true});
  };
  http2_origin.on_data = [](H2Peer& peer, std::int32_t id, std::string_view piece) {
    peer.send(id, piece, false);
  };
  http2_origin.on_whole = [](H2Peer& peer, std::int32_t id) {
    peer.send(id, "", true, {{"grpc-status", "0"}});
  };
  H2Session client(*this, http2_origin.authority());
  const auto id =
      client.peer.request({client.head("POST", "/grpc", {{"te", "trailers"}}), "first", {}, true});
  H2Message& got = client.peer.message(id);
  std::string sent = "first";
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(client.peer.run_until([&] { return got.body == sent; }));
    client.peer.send(id, std::to_string(i), false);
    sent += std::to_string(i);
  }
  client.peer.send(id, "", true);
  client.peer.await_end(id);
  EXPECT_EQ(got.body, sent);
  EXPECT_EQ(got.trailer("grpc-status"), "0");
}

TEST_F(Http2Test, TrailersAloneEndTheStreamWithTheHead) {
  http2_origin.on_whole = [](H2Peer& peer, std::int32_t id) {
    peer.respond(id, {{{":status", "200"}, {"grpc-status", "5"}}, {}, {}});
  };
  H2Session client(*this, http2_origin.authority());
  const H2Message& got = client.get("/");
  EXPECT_EQ(got.field("grpc-status"), "5");
  EXPECT_THAT(got.trailers, IsEmpty());
}

TEST_F(Http2Test, ResponsesWithoutBodyHaveNone) {
  http2_origin.on_whole = [](H2Peer& peer, std::int32_t id) {
    const std::string path = peer.message(id).field(":path");
    peer.respond(id, {{{":status", path.substr(1)}, {"content-length", "5"}}, {}, {}});
  };
  origin.on_any([](const Received& r) { return Reply::body(r.target() == "/204" ? 204 : 304, ""); });
  H2Session client(*this, http2_origin.authority());
  const auto head = client.peer.request({client.head("HEAD", "/200"), {}, {}});
  EXPECT_EQ(client.peer.await_end(head).field("content-length"), "5");
  H2Session other(*this, authority());
  EXPECT_EQ(other.get("/204").field(":status"), "204");
  EXPECT_EQ(other.get("/304").field(":status"), "304");
}

TEST_F(Http2Test, AuthorityThatIsNotTheConnectionsIsMisdirected) {
  H2Session client(*this, authority());
  Fields head = client.head("GET", "/");
  head[2].second = "other.example";
  EXPECT_EQ(client.peer.await_end(client.peer.request({head, {}, {}})).field(":status"), "421");
  head = client.head("GET", "/", {{"host", "other.example"}});
  EXPECT_EQ(client.peer.await_end(client.peer.request({head, {}, {}})).field(":status"), "421");
  head = client.head("GET", "/");
  head[1].second = "http";
  EXPECT_EQ(client.peer.await_end(client.peer.request({head, {}, {}})).field(":status"), "421");
  EXPECT_EQ(client.get("/").field(":status"), "200");  // the connection stays usable
  EXPECT_THAT(interceptor.refused(), SizeIs(3));
}

TEST_F(Http2Test, ConnectInAStreamIsRefused) {
  H2Session client(*this, authority());
  const auto id = client.peer.request({{{":method", "CONNECT"}, {":authority", authority()}}, {}, {}, true});
  EXPECT_EQ(client.peer.await_end(id).field(":status"), "400");
  EXPECT_THAT(interceptor.refused(), ElementsAre(StartsWith("400 bad_request")));
}

TEST_F(Http2Test, RefusalIsAResponseOfItsStream) {
  interceptor.refuse_request = [](const RequestHead& head) -> std::optional<Refusal> {
    if (head.target != "/no") return std::nullopt;
    return Refusal{403, "wrong_path", "not there", "elsewhere"};
  };
  H2Session client(*this, authority());
  const H2Message& got = client.post("/no", "body");
  EXPECT_EQ(got.field(":status"), "403");
  EXPECT_EQ(got.field("standin-error"), "wrong_path");
  EXPECT_THAT(got.body, HasSubstr("\"code\":\"wrong_path\""));
  EXPECT_EQ(client.get("/yes").field(":status"), "200");
}

TEST_F(Http2Test, SecretThatWouldBeTwoFieldsIsUnusable) {
  interceptor.change = [](RequestHead& head) {
    static constexpr std::string_view bad = "x\r\ntransfer-encoding: chunked";
    head.replace_value(head.fields.size() - 1, WipingBuffer(bad.begin(), bad.end()));
  };
  H2Session client(*this, http2_origin.authority());
  const H2Message& got = client.get("/", {{"x", "y"}});
  EXPECT_EQ(got.field(":status"), "502");
  EXPECT_EQ(got.field("standin-error"), "secret_unusable");
}

TEST_F(Http2Test, UploadOfUnknownLengthGoesInChunks) {
  origin.on_any([](const Received& r) { return Reply::body(200, std::to_string(r.body.size)); });
  H2Session client(*this, authority());
  EXPECT_EQ(client.post("/", std::string(300000, 'u')).body, "300000");
  EXPECT_EQ(origin.last().field("transfer-encoding"), "chunked");
  EXPECT_EQ(client.post("/", std::string(300000, 'u'), {{"content-length", "300000"}}).body, "300000");
  EXPECT_EQ(origin.last().field("transfer-encoding"), std::nullopt);
}

TEST_F(Http2Test, CutResponseResetsItsStreamAlone) {
  origin.on("/cut", [](const Received&) { return Reply::body(200, std::string(100000, 'x')).cut_at(50000); });
  H2Session client(*this, authority());
  const H2Message& got = client.get("/cut");
  EXPECT_FALSE(got.ended);
  EXPECT_EQ(got.error, std::uint32_t{NGHTTP2_INTERNAL_ERROR});
  EXPECT_EQ(client.get("/").field(":status"), "200");
  EXPECT_EQ(interceptor.wait_for_outcomes(1)[0].reason, "upstream_cut");
}

TEST_F(Http2Test, ClientThatTakesARequestBackEndsItAtTheOrigin) {
  const Gate asked;
  origin.on_head("/slow", [=](const Received&) {
    return Reply::converse([=](Conversation& with) {
      Gate(asked).open();
      EXPECT_TRUE(with.stream.read_some().empty());  // ends when the proxy breaks off
    });
  });
  H2Session client(*this, authority());
  const auto id = client.peer.request({client.head("GET", "/slow"), {}, {}});
  client.peer.flush();
  asked.wait({});
  client.peer.reset(id, NGHTTP2_CANCEL);
  client.peer.flush();
  EXPECT_EQ(interceptor.wait_for_outcomes(1)[0].reason, "client_gone");
  EXPECT_EQ(client.get("/").field(":status"), "200");
}

TEST_F(Http2Test, ClientThatTakesARequestBackBeforeItsOriginIsReachedHasGone) {
  const RawPeer slow;
  bind("https://" + slow.authority());
  H2Session client(*this, slow.authority());
  const auto id = client.peer.request({client.head("GET", "/"), {}, {}});
  client.peer.flush();
  const auto reached = slow.accept();
  client.peer.reset(id, NGHTTP2_CANCEL);
  client.peer.flush();
  client.host = "elsewhere.example";
  EXPECT_EQ(client.get("/").field(":status"), "421");  // behind the reset, which is read by now
  reached->reset();
  EXPECT_EQ(interceptor.wait_for_outcomes(1)[0].reason, "client_gone");
}

TEST_F(Http2Test, SlowReaderHoldsTheOriginBackAndNotTheMemory) {
  constexpr std::size_t size = 100 << 20;
  origin.on("/big", [](const Received&) { return Reply::generated(size); });
  H2Session warm(*this, authority());
  (void)warm.get("/");
  const std::size_t before = resident_bytes();
  H2Session client(*this, authority(), {.opens_window = false});
  const auto id = client.peer.request({client.head("GET", "/big"), {}, {}});
  H2Message& got = client.peer.message(id);
  ASSERT_TRUE(client.peer.run_until([&] { return got.body.size() == 65535; }));
  for (int i = 0; i < 50; ++i) (void)warm.get("/");  // all that the proxy can do in between is done
  EXPECT_LT(resident_bytes(), before + (16 << 20));
  EXPECT_EQ(got.body.size(), 65535U);
}

TEST_F(Http2Test, LargeBodiesArriveWholeBothWays) {
  http2_origin.on_whole = [](H2Peer& peer, std::int32_t id) {
    peer.respond(id, {{{":status", "200"}}, peer.message(id).body, {}});
  };
  std::string body;
  for (int i = 0; body.size() < (8 << 20); ++i) body += std::to_string(i);
  H2Session client(*this, http2_origin.authority());
  EXPECT_EQ(client.post("/", body).body, body);
  Session old(*this, http2_origin.authority());
  EXPECT_EQ(old.post("/", body).body.size, body.size());
}

TEST_F(Http2Test, ClientThatKnowsCanDoWithoutTls) {
  H2Origin plain({});
  bind("http://" + plain.authority());
  Outside client(*this);
  EXPECT_EQ(client.connect(plain.authority(), userinfo()).status, 200U);
  H2Peer peer(client.stream(), H2Peer::Role::client);
  const auto id = peer.request(
      {{{":method", "GET"}, {":scheme", "http"}, {":authority", plain.authority()}, {":path", "/"}}, {}, {}});
  EXPECT_EQ(peer.await_end(id).body, "ok");
}

TEST_F(Http2Test, EndOfTheRunSaysGoodbye) {
  const Gate asked;
  http2_origin.on_whole = [=](H2Peer&, std::int32_t) { Gate(asked).open(); };
  H2Session client(*this, http2_origin.authority());
  const auto id = client.peer.request({client.head("GET", "/"), {}, {}});
  client.peer.flush();
  asked.wait({});
  proxy->stop();
  try {
    client.peer.run_until([&] { return client.peer.message(id).closed; });
  } catch (const StreamError&) {
    // The connection ended in the middle of it: so it did.
  }
  EXPECT_TRUE(client.peer.goaway());
  EXPECT_EQ(interceptor.wait_for_outcomes(1)[0].reason, "aborted");
}

}  // namespace
}  // namespace standin::proxy::test
