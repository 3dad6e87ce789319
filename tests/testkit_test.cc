#include <cstdlib>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "tests/fake_upstream.h"
#include "tests/git_backend.h"
#include "tests/test_client.h"
#include "tests/test_pki.h"
#include "tests/websocket_echo.h"

// The kit judges everything else, so it is judged first: client against origin, with nothing between.
namespace standin::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

struct TestKit : ::testing::Test {
  TestPki pki;
  FakeUpstream origin{pki.make_certificate({"api.example.com", "127.0.0.1", "::1"})};

  /// A client that has spoken TLS with the origin.
  struct Connected : TestClient {
    explicit Connected(const TestKit& kit, const std::string& host = "api.example.com")
        : TestClient(kit.origin.port()) {
      start_tls(host, kit.pki.ca_pem());
    }
  };
};

std::string handshake_failure(const TestPki& pki, const FakeUpstream& origin, const std::string& host) {
  TestClient client(origin.port());
  try {
    client.start_tls(host, pki.ca_pem());
  } catch (const StreamError& error) {
    return error.what();
  }
  return "none";
}

TEST_F(TestKit, OriginRecordsWhatArrivedAsItArrived) {
  Connected client(*this);
  client.send(
      "POST /a?b=c HTTP/1.1\r\nhOst: api.example.com\r\nX-A: 1\r\nx-a:  2 \r\nContent-Length: "
      "5\r\n\r\nhello");
  EXPECT_EQ(client.read_response().body.bytes, "ok");
  const Received got = origin.last();
  EXPECT_EQ(got.method(), "POST");
  EXPECT_EQ(got.target(), "/a?b=c");
  EXPECT_EQ(got.path(), "/a");
  EXPECT_THAT(got.head.fields, ElementsAre(Pair("hOst", "api.example.com"), Pair("X-A", "1"),
                                           Pair("x-a", "2"), Pair("Content-Length", "5")));
  EXPECT_THAT(got.head.raw, HasSubstr("x-a:  2 \r\n"));
  EXPECT_EQ(got.body.bytes, "hello");
  EXPECT_EQ(got.body.sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
  EXPECT_EQ(got.server_name, "api.example.com");
  EXPECT_TRUE(got.complete && got.tls);
}

TEST_F(TestKit, ConnectionsAreKeptAliveAndCounted) {
  Connected client(*this);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.request("GET", "/", "api.example.com").status, 200U);
  Connected other(*this, "::1");
  EXPECT_EQ(other.request("GET", "/", "[::1]").status, 200U);
  EXPECT_EQ(origin.connections(), 2U);
  EXPECT_EQ(origin.last().connection, 2U);
  EXPECT_THAT(origin.failures(), IsEmpty());
}

TEST_F(TestKit, FlawsAreRefusedByAClientThatVerifies) {
  const auto failure = [&](Flaw flaw) {
    const FakeUpstream flawed(pki.make_certificate({"api.example.com"}, flaw));
    return handshake_failure(pki, flawed, "api.example.com");
  };
  EXPECT_THAT(failure(Flaw::none), HasSubstr("none"));
  EXPECT_THAT(failure(Flaw::expired), HasSubstr("certificate has expired"));
  EXPECT_THAT(failure(Flaw::not_yet_valid), HasSubstr("certificate is not yet valid"));
  EXPECT_THAT(failure(Flaw::self_signed), HasSubstr("self-signed certificate"));
  EXPECT_THAT(failure(Flaw::unknown_authority), HasSubstr("unable to get local issuer certificate"));
  EXPECT_THAT(failure(Flaw::client_only), HasSubstr("unsuitable certificate purpose"));
  EXPECT_THAT(handshake_failure(pki, origin, "evil.example.com"), HasSubstr("hostname mismatch"));
  EXPECT_THAT(handshake_failure(pki, origin, "127.0.0.2"), HasSubstr("IP address mismatch"));
}

TEST_F(TestKit, SessionsAreResumed) {
  Connected first(*this);
  (void)first.request("GET", "/", "api.example.com");
  EXPECT_FALSE(origin.last().resumed);
  TestClient second(origin.port());
  second.start_tls_resuming("api.example.com", pki.ca_pem(), first);
  (void)second.request("GET", "/", "api.example.com");
  EXPECT_TRUE(origin.last().resumed && second.resumed());
}

TEST_F(TestKit, AlpnAndTlsVersionAreTheOptions) {
  FakeUpstream old({.certificate = pki.make_certificate({"localhost"}),
                    .max_tls_version = TLS1_2_VERSION,
                    .alpn = "http/1.1"});
  TestClient client(old.port());
  client.start_tls("localhost", pki.ca_pem(), "\x02h2\x08http/1.1");
  EXPECT_EQ(client.chosen_alpn(), "http/1.1");
  EXPECT_EQ(SSL_version(client.stream().tls()), TLS1_2_VERSION);
  (void)client.request("GET", "/", "localhost");
  EXPECT_EQ(old.last().alpn_offer, "\x02h2\x08http/1.1");
}

TEST_F(TestKit, ChunksWaitForTheirGateAndTrailersFollow) {
  const Gate gate;
  origin.on("/", [=](const Received&) { return Reply::chunked({"one", gate, "two"}, {{"X-Sum", "9"}}); });
  Connected client(*this);
  client.send("GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
  EXPECT_THAT(client.read_until("one\r\n"), HasSubstr("3\r\none\r\n"));
  Gate(gate).open();
  EXPECT_EQ(client.read_until("\r\n\r\n"), "3\r\ntwo\r\n0\r\nX-Sum: 9\r\n\r\n");
}

TEST_F(TestKit, ChunkedRequestsAreDecoded) {
  Connected client(*this);
  client.send_cut(
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n02\r\nde\r\n0\r\nT: "
      "v\r\n\r\n",
      1);
  EXPECT_EQ(client.read_response("POST").status, 200U);
  EXPECT_EQ(origin.last().body.bytes, "abcde");
  EXPECT_THAT(origin.last().body.chunks, ElementsAre(3U, 2U));
  EXPECT_THAT(origin.last().body.trailers, ElementsAre(Pair("T", "v")));
}

TEST_F(TestKit, HugeBodiesAreHashedBothWays) {
  constexpr std::uint64_t body_bytes = 20'000'003;
  origin.on("/get", [](const Received&) { return Reply::generated(body_bytes); });
  origin.on("/chunked", [](const Received&) { return Reply::generated_chunked(body_bytes); });
  Connected client(*this);
  EXPECT_EQ(client.request("GET", "/get", "h").body.sha256, pattern_sha256(body_bytes));
  EXPECT_EQ(client.request("GET", "/chunked", "h").body.sha256, pattern_sha256(body_bytes));
  client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body_bytes) + "\r\n\r\n");
  client.send_pattern(body_bytes);
  EXPECT_EQ(client.read_response("PUT").status, 200U);
  EXPECT_EQ(origin.last().body.sha256, pattern_sha256(body_bytes));
  EXPECT_LT(origin.last().body.bytes.size(), body_bytes);
}

TEST_F(TestKit, ContinueIsSentOrWithheld) {
  origin.on(
      "/withheld", [](const Received&) { return Reply::body(200, "w"); }, Continue::withhold);
  Connected client(*this);
  client.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.read_head().second, "100");
  client.send("hi");
  EXPECT_EQ(client.read_response("POST").status, 200U);
  client.send("POST /withheld HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_THAT(client.read_response("POST").informational, IsEmpty());
}

TEST_F(TestKit, EarlyAnswerComesBeforeTheBodyIsRead) {
  origin.on_head("/", [](const Received&) { return Reply::body(413, "too big"); });
  Connected client(*this);
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n12345");
  EXPECT_EQ(client.read_response("POST").status, 413U);
  client.send("67890");
  EXPECT_EQ(origin.wait_for_requests(1)[0].body.bytes, "1234567890");
}

TEST_F(TestKit, InformationalAnswersComeFirst) {
  origin.on("/", [](const Received&) {
    return Reply::body(200, "x").informational(103, {{"Link", "</a>"}});
  });
  const Response response = Connected(*this).request("GET", "/", "h");
  ASSERT_EQ(response.informational.size(), 1U);
  EXPECT_EQ(response.informational[0].second, "103");
}

TEST_F(TestKit, AnswersAreCutWhereTheTestSays) {
  origin.on("/fin", [](const Received&) { return Reply::body(200, "hello").cut_at(10); });
  origin.on("/reset", [](const Received&) { return Reply::body(200, "hello").reset_at(0); });
  Connected fin(*this);
  fin.send("GET /fin HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(fin.read_to_end(), "HTTP/1.1 2");
  EXPECT_TRUE(fin.stream().tls_truncated());
  Connected reset(*this);
  reset.send("GET /reset HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THROW((void)reset.read_to_end(), StreamError);
}

TEST_F(TestKit, BodyWithoutLengthEndsInOrder) {
  origin.on("/", [](const Received&) { return Reply::until_close({"a", "b"}).drip(); });
  Connected client(*this);
  EXPECT_EQ(client.request("GET", "/", "h").body.bytes, "ab");
  EXPECT_FALSE(client.stream().tls_truncated());
}

TEST_F(TestKit, RawBytesAreVerbatim) {
  origin.on("/", [](const Received&) { return Reply::raw({"HTTP/1.1 200 OK\nbad"}); });
  Connected client(*this);
  client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(client.read_to_end(), "HTTP/1.1 200 OK\nbad");
}

TEST_F(TestKit, UpgradeEchoesUntilTheClientHalfCloses) {
  origin.on("/ws", [](const Received&) { return Reply::upgrade_to_echo("websocket"); });
  Connected client(*this);
  client.send("GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly");
  EXPECT_EQ(client.read_head().second, "101");
  EXPECT_EQ(client.read_exactly(5), "early");
  client.send("late");
  EXPECT_EQ(client.read_exactly(4), "late");
  client.half_close();
  EXPECT_TRUE(client.at_end());
}

TEST_F(TestKit, WebSocketSendsMessagesBackUnmasked) {
  origin.on("/ws", [](const Received& request) { return websocket_echo(request); });
  Connected client(*this);
  client.send(
      "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  EXPECT_EQ(find_field(client.read_head().fields, "sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  // RFC 6455 5.7: a masked text message "Hello", then a ping.
  client.send("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
  EXPECT_EQ(client.read_exactly(7), "\x81\x05Hello");
  client.send(std::string("\x89\x80\0\0\0\0", 6));
  EXPECT_EQ(client.read_exactly(2), std::string("\x8a\0", 2));
  client.send(std::string("\x88\x80\0\0\0\0", 6));
  EXPECT_EQ(client.read_to_end(), std::string("\x88\0", 2));
}

TEST_F(TestKit, GitClonesFromItWithBasicCredentials) {
  const TemporaryFolder folder;
  const std::string root = folder.path().string();
  const auto run = [&](const std::string& command) {
    return std::system(("cd " + root + " && " + command).c_str());
  };
  ASSERT_EQ(run("git init -q --bare repo.git && git init -q w && cd w && "
                "git -c user.name=n -c user.email=e commit -q --allow-empty -m one && "
                "git push -q ../repo.git HEAD:refs/heads/master"),
            0);
  origin.on_any([&](const Received& request) { return git_http_backend(request, root); });
  const std::string host = "127.0.0.1:" + std::to_string(origin.port());
  EXPECT_EQ(run("GIT_TERMINAL_PROMPT=0 GIT_SSL_CAINFO=" + pki.ca_file().string() +
                " git clone -q -b master https://me:token@" + host + "/repo.git copy"),
            0);
  EXPECT_EQ(run("test \"$(git -C copy log --format=%s)\" = one"), 0);
  EXPECT_EQ(origin.last().field("authorization"), "Basic bWU6dG9rZW4=");
}

TEST_F(TestKit, PlainOriginCanBeACompanysProxy) {
  FakeUpstream proxy;
  proxy.on("api.example.com:443", [&](const Received&) { return Reply::tunnel_to(origin.port()); });
  TestClient client(proxy.port());
  EXPECT_EQ(client.connect("api.example.com:443", "user:pass").status, 200U);
  client.start_tls("api.example.com", pki.ca_pem());
  EXPECT_EQ(client.request("GET", "/", "api.example.com").body.bytes, "ok");
  EXPECT_EQ(proxy.last().field("proxy-authorization"), "Basic dXNlcjpwYXNz");
}

TEST_F(TestKit, HangingOriginEndsWithTheTest) {
  const Gate never;
  origin.on("/hang", [](const Received&) { return Reply::hang(); });
  origin.on("/gate", [=](const Received&) { return Reply::body(200, "x").wait_before(never); });
  Connected hang(*this);
  hang.send("GET /hang HTTP/1.1\r\nHost: h\r\n\r\n");
  Connected gate(*this);
  gate.send("GET /gate HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(origin.wait_for_requests(2).size(), 2U);
}

TEST_F(TestKit, IdleConnectionsCloseWhenTold) {
  Connected client(*this);
  (void)client.request("GET", "/", "h");
  origin.close_connections();
  EXPECT_TRUE(client.at_end());
  origin.wait_until_idle();
}

}  // namespace
}  // namespace standin::test
