// Connections that are relayed, not read.
#include <thread>
#include <vector>

#include <openssl/ssl.h>

#include "proxy/conduit.h"
#include "tests/proxy/test_boundary.h"

namespace standin::proxy::test {
namespace {

using standin::test::pattern_sha256;
using standin::test::Sha256;
using standin::test::Stream;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

struct TunnelTest : BoundaryTest {
  RawPeer peer;
};

TEST_F(TunnelTest, BytesPassBothWaysAsTheyAre) {
  Outside client(*this);
  ASSERT_EQ(client.connect(peer.authority(), userinfo()).status, 200U);
  const auto far = peer.accept();
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  client.send(all);
  EXPECT_EQ(far->read_exactly(256), all);
  far->write(all);
  EXPECT_EQ(client.read_exactly(256), all);
}

TEST_F(TunnelTest, EarlyBytesInTheSameSegmentArrive) {
  Outside client(*this);
  client.send("CONNECT " + peer.authority() + " HTTP/1.1\r\nHost: " + peer.authority() +
              "\r\nProxy-Authorization: " + authorization() + "\r\n\r\nearly");
  const auto far = peer.accept();
  EXPECT_EQ(far->read_exactly(5), "early");
  EXPECT_EQ(client.read_response("CONNECT").status, 200U);
}

TEST_F(TunnelTest, HalfCloseIsPassedOnAndTheOtherDirectionGoesOn) {
  Outside client(*this);
  ASSERT_EQ(client.connect(peer.authority(), userinfo()).status, 200U);
  const auto far = peer.accept();
  client.send("question");
  client.half_close();
  EXPECT_EQ(far->read_exactly(8), "question");
  EXPECT_EQ(far->read_some(), "");
  far->write("answer");
  EXPECT_EQ(client.read_exactly(6), "answer");
  far->write("more");
  EXPECT_EQ(client.read_exactly(4), "more");
  far->fin();
  EXPECT_TRUE(client.at_end());
}

TEST_F(TunnelTest, ResetStaysAReset) {
  {
    Outside client(*this);
    ASSERT_EQ(client.connect(peer.authority(), userinfo()).status, 200U);
    const auto far = peer.accept();
    far->write("partial");
    EXPECT_EQ(client.read_exactly(7), "partial");
    far->reset();
    EXPECT_THROW((void)client.read_some(), StreamError);
  }
  Outside client(*this);
  ASSERT_EQ(client.connect(peer.authority(), userinfo()).status, 200U);
  const auto far = peer.accept();
  client.send("partial");
  EXPECT_EQ(far->read_exactly(7), "partial");
  client.reset();
  EXPECT_THROW((void)far->read_some(), StreamError);
}

TEST_F(TunnelTest, MuchPassesInBothDirectionsAtOnce) {
  constexpr std::uint64_t size = 32 << 20;
  Outside client(*this);
  ASSERT_EQ(client.connect(peer.authority(), userinfo()).status, 200U);
  const auto far = peer.accept();
  const auto send = [](auto& to) {
    standin::test::generate_pattern(size, [&](std::string_view piece) { to.write(piece); });
    to.fin();
  };
  const auto receive = [](Stream& from) {
    Sha256 hash;
    for (std::string piece = from.read_some(); !piece.empty(); piece = from.read_some()) hash.update(piece);
    return hash.hex();
  };
  const std::jthread up([&] { send(client.stream()); });
  const std::jthread down([&] { send(*far); });
  std::string at_far;
  {
    const std::jthread reader([&] { at_far = receive(*far); });
    EXPECT_EQ(receive(client.stream()), pattern_sha256(size));
  }
  EXPECT_EQ(at_far, pattern_sha256(size));
}

TEST_F(TunnelTest, LittleBehindMuchArrivesAndAResetBehindItIsOne) {
  constexpr std::uint64_t size = 8 << 20;  // enough to be spliced
  Outside client(*this);
  ASSERT_EQ(client.connect(peer.authority(), userinfo()).status, 200U);
  const auto far = peer.accept();
  {
    const std::jthread sender(
        [&] { standin::test::generate_pattern(size, [&](std::string_view piece) { far->write(piece); }); });
    Sha256 hash;
    hash.update(client.read_exactly(size));
    EXPECT_EQ(hash.hex(), pattern_sha256(size));
  }
  far->write("little");
  EXPECT_EQ(client.read_exactly(6), "little");
  client.send("back");
  EXPECT_EQ(far->read_exactly(4), "back");
  far->reset();
  EXPECT_THROW((void)client.read_some(), StreamError);
}

TEST(Conduit, OpensNoMoreThanSoMany) {
  std::vector<Conduit> conduits(100);
  for (Conduit& conduit : conduits) conduit.open();
  EXPECT_TRUE(conduits.front().is_open());
  EXPECT_FALSE(conduits.back().is_open());
  conduits.front().close();
  conduits.back().open();
  EXPECT_TRUE(conduits.back().is_open());
}

/// A client that says hello before it has read the answer to CONNECT, in one segment: TLS over memory.
TEST_F(TunnelTest, TlsBegunInTheSameSegmentAsConnectIsRead) {
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), SSL_free);
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(in, -1);
  SSL_set_bio(ssl.get(), in, out);
  SSL_set_tlsext_host_name(ssl.get(), "localhost");
  const auto taken = [&] {
    std::string bytes(65536, '\0');
    const int n = BIO_read(out, bytes.data(), static_cast<int>(bytes.size()));
    bytes.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return bytes;
  };
  EXPECT_LE(SSL_connect(ssl.get()), 0);
  const std::string hello = taken();
  const std::string connect = "CONNECT " + authority() + " HTTP/1.1\r\nHost: " + authority() +
                              "\r\nProxy-Authorization: " + authorization() + "\r\n\r\n";
  // Whole, and cut inside the hello's record: the rest comes through the descriptor.
  Outside client(*this);
  client.send(connect + hello.substr(0, 100));
  EXPECT_EQ(client.read_response("CONNECT").status, 200U);
  client.send(hello.substr(100));
  const auto feed = [&] {
    const std::string bytes = client.read_some();
    ASSERT_FALSE(bytes.empty());
    BIO_write(in, bytes.data(), static_cast<int>(bytes.size()));
  };
  while (SSL_connect(ssl.get()) != 1 && !HasFatalFailure()) {
    if (const std::string bytes = taken(); !bytes.empty()) client.send(bytes);
    feed();
  }
  const std::string request = "GET / HTTP/1.1\r\nHost: " + authority() + "\r\n\r\n";
  SSL_write(ssl.get(), request.data(), static_cast<int>(request.size()));
  client.send(taken());
  std::string response(4096, '\0');
  int n = 0;
  while ((n = SSL_read(ssl.get(), response.data(), static_cast<int>(response.size()))) <= 0 &&
         !HasFatalFailure())
    feed();
  EXPECT_THAT(response.substr(0, static_cast<std::size_t>(n)), StartsWith("HTTP/1.1 200 OK"));
}

TEST_F(TunnelTest, ClientThatDoesNotTrustTheRunIsReported) {
  Outside client(*this);
  ASSERT_EQ(client.connect(authority(), userinfo()).status, 200U);
  EXPECT_THROW(client.start_tls("localhost", pki.ca_pem()), StreamError);  // not the run's authority
  EXPECT_EQ(Session(*this).get("/").status, 200U);
  EXPECT_THAT(interceptor.refused(), ElementsAre(HasSubstr("client_tls the client broke off TLS: ")));
}

TEST_F(TunnelTest, ClientThatSpeaksNoHttpIsToldSo) {
  Outside client(*this);
  ASSERT_EQ(client.connect(authority(), userinfo()).status, 200U);
  EXPECT_THROW(client.start_tls("localhost", start().authority_pem(), "\x04smtp"), StreamError);
  for (const char* offer : {"\x02h2\x08http/1.1", "\x02h2", "\x08http/1.1"}) {
    Outside other(*this);
    ASSERT_EQ(other.connect(authority(), userinfo()).status, 200U);
    other.start_tls("localhost", start().authority_pem(), offer);
    EXPECT_EQ(other.chosen_alpn(), std::string_view(offer).starts_with("\x02") ? "h2" : "http/1.1");
  }
}

}  // namespace
}  // namespace standin::proxy::test
