// Connections that kernel capture redirected: nobody asked for a proxy, so nothing may look like one.
#include <netinet/in.h>
#include <sys/resource.h>

#include <cstring>
#include <filesystem>
#include <thread>

#include "tests/proxy/test_boundary.h"

namespace standin::proxy::test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

const std::string bearer = "Bearer " + std::string(stand_in);
const std::string real_bearer = "Bearer " + std::string(secret);

Endpoint endpoint(std::string_view address, std::uint16_t port) {
  return {IpAddress::parse(address).value(), port};
}

/// What the supervisor does when a child connects.
int redirected(Redirection& door, const Endpoint& wanted) {
  const int fd = ::socket(wanted.address.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (const int error = door.connect(fd, wanted); error != 0) {
    ::close(fd);
    throw StreamError("cannot be redirected: " + std::string(std::strerror(error)));
  }
  return fd;
}

/// The peer closed by reset, not in order, and was not waited for in vain.
void expect_reset(TestClient& client) {
  try {
    const std::string came = client.read_some();
    ADD_FAILURE() << (came.empty() ? "the connection was closed in order" : "something came: " + came);
  } catch (const StreamError& error) {
    EXPECT_THAT(error.what(), HasSubstr("reset"));
  }
}

/// It ended, in whichever way.
void expect_end(TestClient& client) {
  try {
    EXPECT_TRUE(client.at_end());
  } catch (const StreamError& error) {
    EXPECT_THAT(error.what(), HasSubstr("reset"));
  }
}

/// Beside the bound TLS origin: a plain one, bound as "localhost" too; one that nobody bound; a raw peer.
struct CapturedTest : BoundaryTest {
  FakeUpstream plain;
  FakeUpstream unbound{pki.make_certificate({"unbound.test", "localhost"})};
  RawPeer peer;
  std::vector<std::string> judged;  // the addresses that check_address() was asked about
  std::vector<std::string> forbidden;

  CapturedTest() {
    options.captured = CapturedDoor::open;
    bind("http://localhost:" + std::to_string(plain.port()));
    interceptor.refuse_address = [this](const IpAddress& address) -> std::optional<Refusal> {
      judged.push_back(address.to_string());
      if (std::ranges::find(forbidden, judged.back()) == forbidden.end()) return std::nullopt;
      return Refusal{403, "egress_denied", "address " + judged.back() + " is off limits", ""};
    };
  }
  [[nodiscard]] Endpoint at(const FakeUpstream& where) const { return endpoint("127.0.0.1", where.port()); }
  [[nodiscard]] std::string plain_authority() const { return "localhost:" + std::to_string(plain.port()); }
  /// Plain requests are read on the raw peer's port, too, for a host that nobody has.
  void bind_at_peer() { bind("http://bound.test:" + std::to_string(peer.port())); }
  /// A client whose connection to `wanted` the kernel redirected.
  struct Captured : TestClient {
    Captured(CapturedTest& test, const Endpoint& wanted)
        : TestClient(standin::test::Adopted{redirected(*test.start().redirection(), wanted)}) {}
  };
  /// What was refused, once somebody saw the reset that follows it.
  void expect_refused(TestClient& client, const std::string& what) {
    expect_reset(client);
    EXPECT_THAT(interceptor.refused(), ElementsAre(HasSubstr(what)));
  }
};

/// Sends a request over an open client.
Response get(TestClient& client, const std::string& host, const standin::test::Fields& fields = {}) {
  return client.request("GET", "/a", host, fields);
}

// --- bound ---

TEST_F(CapturedTest, BoundNameIsReadWhateverAddressTheChildHad) {
  Captured client(*this, endpoint("203.0.113.9", origin.port()));
  client.start_tls("localhost", start().authority_pem());
  EXPECT_EQ(get(client, authority(), {{"Authorization", bearer}}).status, 200U);
  EXPECT_EQ(get(client, authority()).status, 200U);  // and the connection goes on
  EXPECT_EQ(origin.requests().at(0).field("authorization"), real_bearer);
  EXPECT_THAT(judged, Each(HasSubstr("127.0.0.1")));
  EXPECT_THAT(interceptor.passed(),
              ElementsAre("GET https://" + authority() + " /a", "GET https://" + authority() + " /a"));
}

TEST_F(CapturedTest, BoundAddressIsReadWithoutAName) {
  bind("127.0.0.1:" + std::to_string(origin.port()));
  Captured client(*this, at(origin));
  client.start_tls("127.0.0.1", start().authority_pem());  // no SNI
  const std::string host = "127.0.0.1:" + std::to_string(origin.port());
  EXPECT_EQ(get(client, host, {{"Authorization", bearer}}).status, 200U);
  EXPECT_EQ(origin.last().field("authorization"), real_bearer);
}

TEST_F(CapturedTest, BoundPlainRequestIsReadByItsHost) {
  Captured client(*this, endpoint("203.0.113.9", plain.port()));
  EXPECT_EQ(get(client, plain_authority(), {{"Authorization", bearer}}).status, 200U);
  EXPECT_EQ(get(client, "elsewhere.test").status, 421U);
  EXPECT_EQ(get(client, plain_authority(), {{"Authorization", bearer}}).status, 200U);
  EXPECT_THAT(plain.requests(), ::testing::SizeIs(2));
  for (const auto& request : plain.requests()) EXPECT_EQ(request.field("authorization"), real_bearer);
}

TEST_F(CapturedTest, PlainRequestByteByByteIsRead) {
  Captured client(*this, endpoint("203.0.113.9", plain.port()));
  client.send_cut("POST /a HTTP/1.1\r\nHost: " + plain_authority() + "\r\nAuthorization: " + bearer +
                      "\r\nContent-Length: 4\r\n\r\nbody",
                  1);
  EXPECT_EQ(client.read_response("POST").status, 200U);
  EXPECT_EQ(plain.last().field("authorization"), real_bearer);
  EXPECT_EQ(plain.last().body.bytes, "body");
}

TEST_F(CapturedTest, CaptureReachesOverIpv6Too) {
  Captured client(*this, endpoint("2001:db8::9", origin.port()));
  client.start_tls("localhost", start().authority_pem());
  EXPECT_EQ(get(client, authority()).status, 200U);
}

TEST_F(CapturedTest, ClientThatDoesNotTrustTheRunIsReported) {
  Captured client(*this, at(origin));
  EXPECT_THROW(client.start_tls("localhost", pki.ca_pem()), StreamError);
  EXPECT_EQ(Session(*this).get("/").status, 200U);
  EXPECT_THAT(interceptor.refused(), ElementsAre(HasSubstr("client_tls the client broke off TLS: ")));
}

TEST_F(CapturedTest, BoundOriginThatMayNotBeReachedIsReset) {
  interceptor.refuse_origin = [](const Origin&) { return Refusal{403, "egress_denied", "no", ""}; };
  Captured client(*this, at(plain));
  client.send("GET / HTTP/1.1\r\nHost: " + plain_authority() + "\r\n\r\n");
  expect_refused(client, "403 egress_denied no");
}

// --- not bound: a tunnel to where the child wanted ---

TEST_F(CapturedTest, UnboundTlsGoesToTheOriginItself) {
  Captured client(*this, at(unbound));
  client.start_tls("unbound.test", pki.ca_pem());  // the origin's own certificate
  EXPECT_EQ(get(client, "unbound.test", {{"Authorization", bearer}}).status, 200U);
  EXPECT_EQ(unbound.last().field("authorization"), bearer);
  EXPECT_EQ(unbound.last().server_name, "unbound.test");
  EXPECT_THAT(interceptor.passed(),
              ElementsAre("tunnel https://unbound.test:" + std::to_string(unbound.port()) + " at 127.0.0.1"));
}

TEST_F(CapturedTest, UnboundTlsWithoutANameIsCalledByItsAddress) {
  Captured client(*this, at(origin));
  client.start_tls("127.0.0.1", pki.ca_pem());
  EXPECT_EQ(get(client, "127.0.0.1").status, 200U);
  EXPECT_THAT(interceptor.passed(), ElementsAre("tunnel https://127.0.0.1:" + std::to_string(origin.port())));
}

TEST_F(CapturedTest, BytesAfterAHandshakeByteThatAreNoTlsPassAsTheyAre) {
  std::string bytes = "\x16";
  for (int c = 0; c < 256; ++c) bytes += static_cast<char>(c);
  Captured client(*this, endpoint("127.0.0.1", peer.port()));
  client.send(bytes);
  const auto far = peer.accept();
  EXPECT_EQ(far->read_exactly(bytes.size()), bytes);
  far->write(bytes);
  EXPECT_EQ(client.read_exactly(bytes.size()), bytes);
}

TEST_F(CapturedTest, HalfCloseInTheFirstBytesIsPassedOn) {
  bind_at_peer();
  for (const std::string bytes : {"\x16\x03\x01", "GET / HT", "\x16", "x"}) {
    Captured client(*this, endpoint("127.0.0.1", peer.port()));
    client.send(bytes);
    client.half_close();
    const auto far = peer.accept();
    EXPECT_EQ(far->read_exactly(bytes.size()), bytes);
    EXPECT_EQ(far->read_some(), "");
    far->write("answer");
    EXPECT_EQ(client.read_exactly(6), "answer");
  }
}

TEST_F(CapturedTest, UnboundPlainRequestsPassAsTheyAre) {
  bind_at_peer();
  bind("http://bound.test");
  const std::string port = std::to_string(peer.port());
  const std::vector<std::string> openings = {
      "GET / HTTP/1.1\r\nHost: elsewhere.test\r\nX:  odd \r\n\r\n",
      "GET / HTTP/1.1\r\nHost: bound.test\r\n\r\n",  // the default port's origin
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.0\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: bound.test:" + port + "\r\nHost: bound.test:" + port + "\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: bound.test:" + port + "\r\nX: a\r\n folded\r\n\r\n",
      "GET / HTTP/1.1\nHost: bound.test:" + port + "\n\n",
      "GET / HTTP/1.1\r\nHost : bound.test:" + port + "\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: bound.test:" + port +
          "\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "CONNECT bound.test:" + port + " HTTP/1.1\r\nHost: bound.test:" + port + "\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "SSH-2.0-client with words\r\n",
      "\r\nGET / HTTP/1.1\r\nHost: bound.test:" + port + "\r\n\r\n",
      std::string("\0\1\2\3", 4),
      "{\"jsonrpc\": \"2.0\"}",
      std::string(33, 'A'),
      "GET /" + std::string(80000, 'x') + " HTTP/1.1\r\nHost: bound.test:" + port + "\r\n\r\n",
  };
  for (const std::string& bytes : openings) {
    Captured client(*this, endpoint("127.0.0.1", peer.port()));
    client.send(bytes);
    const auto far = peer.accept();
    EXPECT_EQ(far->read_exactly(bytes.size()), bytes);
    far->write("answer");
    EXPECT_EQ(client.read_exactly(6), "answer") << bytes;
  }
  EXPECT_THAT(interceptor.refused(), IsEmpty());
}

TEST_F(CapturedTest, PlainBytesToAPortWithoutABoundOriginDoNotWaitForAHead) {
  Captured client(*this, endpoint("127.0.0.1", peer.port()));
  client.send("GET / HT");
  const auto far = peer.accept();
  EXPECT_EQ(far->read_exactly(8), "GET / HT");
  EXPECT_THAT(interceptor.passed(), ElementsAre("tunnel http://127.0.0.1:" + std::to_string(peer.port())));
}

TEST_F(CapturedTest, TunnelIsRefusedWhereItCannotBeRecorded) {
  interceptor.refuse_tunnel = [](const Origin&) { return Refusal{503, "audit_unavailable", "full", ""}; };
  Captured client(*this, endpoint("127.0.0.1", peer.port()));
  client.send("x");
  expect_refused(client, "503 audit_unavailable full");
}

TEST_F(CapturedTest, OriginThatIsNotThereIsAReset) {
  std::uint16_t port = 0;
  ::close(standin::test::Stream::listen_loopback(port));
  Captured client(*this, endpoint("127.0.0.1", port));
  client.send("x");
  expect_refused(client, "502 upstream_unreachable cannot reach https://127.0.0.1:" + std::to_string(port));
}

// --- what may be reached ---

TEST_F(CapturedTest, RefusedAddressIsResetAndTold) {
  forbidden = {"127.0.0.2"};
  Captured client(*this, endpoint("127.0.0.2", peer.port()));
  client.send("x");
  expect_refused(client, "403 egress_denied address 127.0.0.2 is off limits");
  EXPECT_THAT(interceptor.passed(), IsEmpty());
}

TEST_F(CapturedTest, RefusedNameIsResetAndToldBeforeAnyAddressIsLookedAt) {
  interceptor.refuse_origin = [](const Origin& o) -> std::optional<Refusal> {
    return o.host == "unbound.test" ? std::optional(Refusal{403, "egress_denied", "not " + o.host, ""})
                                    : std::nullopt;
  };
  Captured client(*this, at(unbound));
  EXPECT_THROW(client.start_tls("unbound.test", pki.ca_pem()), StreamError);
  EXPECT_THAT(interceptor.refused(), ElementsAre("403 egress_denied not unbound.test"));
  EXPECT_THAT(judged, IsEmpty());
}

TEST_F(CapturedTest, NameThatMayBeReachedIsReachedWhereItsAddressAloneMayNot) {
  forbidden = {"127.0.0.2"};
  Captured client(*this, endpoint("127.0.0.2", unbound.port()));
  client.start_tls("localhost", pki.ca_pem());
  EXPECT_EQ(get(client, "localhost").status, 200U);  // by what the name resolves to here
  EXPECT_THAT(interceptor.passed(),
              ElementsAre("tunnel https://localhost:" + std::to_string(unbound.port())));
  EXPECT_EQ(judged.front(), "127.0.0.2");
  EXPECT_THAT(judged, Contains("127.0.0.1"));
}

TEST_F(CapturedTest, FalseNameReachesNoAddressThatIsRefused) {
  forbidden = {"127.0.0.1", "127.0.0.2", "::1"};
  Captured client(*this, endpoint("127.0.0.2", unbound.port()));
  EXPECT_THROW(client.start_tls("localhost", pki.ca_pem()), StreamError);
  EXPECT_THAT(interceptor.refused(),
              ElementsAre(AllOf(
                  StartsWith("403 egress_denied address 127.0.0.2 is off limits; by its name: address "),
                  HasSubstr(" is off limits"))));
  EXPECT_EQ(unbound.connections(), 0U);
}

TEST_F(CapturedTest, CompanysProxyIsGivenTheNameOrElseTheAddress) {
  options.upstream.https = UpstreamProxy::parse("HTTPS_PROXY", "http://" + peer.authority());
  const Endpoint wanted = endpoint("203.0.113.9", 443);
  for (const std::string name : {"example.test", "203.0.113.9"}) {
    Captured client(*this, wanted);
    const std::jthread handshake([&] {
      try {
        client.start_tls(name, pki.ca_pem());
      } catch (const StreamError&) {
        // The far end below speaks no TLS.
      }
    });
    const auto far = peer.accept();
    EXPECT_THAT(far->read_until("\r\n\r\n"), StartsWith("CONNECT " + name + ":443 HTTP/1.1\r\n"));
    far->write("HTTP/1.1 200 OK\r\n\r\n");
    EXPECT_EQ(far->read_exactly(1), "\x16");
    far->reset();
  }
  // Which address the name has is the company's proxy's to say: the child's is not what is reached.
  EXPECT_THAT(interceptor.passed(), ElementsAre("tunnel https://example.test", "tunnel https://203.0.113.9"));
}

// --- who is let in, and for how long ---

TEST_F(CapturedTest, ConnectionNobodyExpectedIsReset) {
  start();
  // As whoever else is on this machine would: the door's port is that of a redirected connection's peer.
  Captured expected(*this, at(unbound));
  sockaddr_in door{};
  socklen_t length = sizeof door;
  ASSERT_EQ(::getpeername(expected.stream().socket(), reinterpret_cast<sockaddr*>(&door), &length), 0);
  TestClient stranger(ntohs(door.sin_port));
  expect_reset(stranger);
  expected.start_tls("unbound.test", pki.ca_pem());
  EXPECT_EQ(get(expected, "unbound.test").status, 200U);
}

TEST_F(CapturedTest, DoorIsClosedUnlessAskedFor) {
  options.captured = CapturedDoor::closed;
  EXPECT_EQ(start().redirection(), nullptr);
}

TEST_F(CapturedTest, BeginningsThatNeverEndAreEnded) {
  options.limits.client_head = std::chrono::seconds(1);
  bind_at_peer();
  Captured silent(*this, at(origin));
  Captured hello(*this, at(origin));
  hello.send("\x16\x03\x01\x02");
  Captured request(*this, endpoint("127.0.0.1", peer.port()));
  request.send("GET / HTTP/1.1\r\nHost: ");
  Captured tunnel(*this, at(unbound));
  tunnel.start_tls("unbound.test", pki.ca_pem());
  for (TestClient* client : {static_cast<TestClient*>(&silent), static_cast<TestClient*>(&hello),
                             static_cast<TestClient*>(&request)})
    expect_end(*client);
  EXPECT_EQ(get(tunnel, "unbound.test").status, 200U);  // which may be idle for as long as it likes
}

std::size_t open_descriptors() {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                                                std::filesystem::directory_iterator{}));
}

TEST_F(CapturedTest, ThousandHalfOpenConnectionsAreBoundedAndEnd) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  constexpr std::size_t count = 1000;
  options.limits.client_head = std::chrono::seconds(1);
  options.limits.max_connections = 400;
  start();
  const std::size_t before = open_descriptors();
  std::vector<std::unique_ptr<Captured>> clients;
  for (std::size_t i = 0; i < count; ++i) {
    clients.push_back(std::make_unique<Captured>(*this, at(origin)));
    if (i % 3 != 0) clients.back()->send(i % 3 == 1 ? "\x16" : "\x16\x03\x01\x02\x00\x01");
  }
  std::size_t most = 0;
  for (auto& client : clients) {
    most = std::max(most, open_descriptors());
    expect_end(*client);
  }
  EXPECT_LE(most, before + count + options.limits.max_connections);
  EXPECT_GE(most, before + count + 1);
  Captured next(*this, at(origin));
  next.start_tls("localhost", start().authority_pem());
  EXPECT_EQ(get(next, authority()).status, 200U);
}

}  // namespace
}  // namespace standin::proxy::test
