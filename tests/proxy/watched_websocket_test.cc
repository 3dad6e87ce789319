// WebSockets whose messages are looked at on their way through the boundary, and how they end there.
#include "tests/proxy/test_boundary.h"
#include "tests/proxy/websocket_fixture.h"
#include "tests/websocket_echo.h"

namespace standin::proxy::test {
namespace {

using standin::test::Fields;
using standin::test::Stream;
using standin::test::websocket_echo;
using ::testing::ElementsAre;
using namespace std::string_literals;

/// A byte at a time: each 'E' becomes '3', and nothing waits.
class Three final : public BodyTransform {
 public:
  std::optional<Refusal> feed(std::string_view piece, WipingBuffer& out) override {
    for (const char c : piece) out.push_back(c == 'E' ? '3' : c);
    return std::nullopt;
  }
  std::optional<Refusal> finish(WipingBuffer&) override { return std::nullopt; }
};

/// Everything as it is, but read.
class PassedOn final : public BodyTransform {
 public:
  std::optional<Refusal> feed(std::string_view piece, WipingBuffer& out) override {
    append(out, piece);
    return std::nullopt;
  }
  std::optional<Refusal> finish(WipingBuffer&) override { return std::nullopt; }
};

/// What one end reads until the other is done, and no longer.
struct Heard {
  Gate ended;
  std::string bytes;
  void listen(Stream& stream) {
    try {
      for (std::string piece = stream.read_some(); !piece.empty(); piece = stream.read_some()) bytes += piece;
    } catch (const StreamError&) {  // a reset is an end as well
    }
    ended.open();
  }
};

struct WatchedWebSocketTest : BoundaryTest {
  WatchedWebSocketTest() {
    interceptor.messages = {letters, [] { return std::make_unique<Three>(); }};
    origin.on("/echo", [](const Received& r) { return websocket_echo(r); });
  }
  /// What the origin does once it agreed.
  void on_talk(std::function<void(Conversation&)> talk, const Fields& fields = {}) {
    origin.on("/talk", [=](const Received&) { return Reply::upgrade("websocket", talk, fields); });
  }
  [[nodiscard]] std::string handshake(const std::string& path) const {
    return head("GET " + path,
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
  }
  struct Socket : Session {
    Socket(WatchedWebSocketTest& test, const std::string& path, const std::string& early = {})
        : Session(test) {
      send(test.handshake(path) + early);
      EXPECT_EQ(read_head().second, "101");
    }
    /// The next frame, as its first byte and its payload; no mask, and short.
    std::pair<unsigned, std::string> frame() {
      const auto first = static_cast<unsigned char>(read_exactly(1)[0]);
      const auto size = static_cast<unsigned char>(read_exactly(1)[0]);
      EXPECT_LT(size, 126);
      return {first, read_exactly(size)};
    }
  };
  using Got = std::pair<unsigned, std::string>;
};

const std::string close_1002 = "\x03\xea", close_1008 = "\x03\xf0";

TEST_F(WatchedWebSocketTest, TextIsChangedBothWays) {
  Socket client(*this, "/echo", bytes_of(Frame{0x81, "as"}));  // with the handshake, as a hasty client does
  EXPECT_EQ(client.frame(), Got(0x81, "aS3CR3T"));
  client.send(bytes_of(Frame{0x82, "as E"}));
  EXPECT_EQ(client.frame(), Got(0x82, "as E"));
  client.send(bytes_of({{0x89, "are you"}, {0x88, close_1002}}));
  EXPECT_EQ(client.frame(), Got(0x8a, "are you"));
  EXPECT_EQ(client.frame(), Got(0x88, close_1002));
  client.half_close();
  EXPECT_TRUE(client.at_end());
  EXPECT_FALSE(client.stream().tls_truncated());
  const auto outcome = interceptor.wait_for_outcomes(1)[0];
  EXPECT_EQ(outcome.status, 101U);
  EXPECT_EQ(outcome.reason, "");
  EXPECT_EQ(outcome.request_bytes, 13U + 10U + 13U + 8U);  // as the origin got them
  EXPECT_EQ(outcome.response_bytes, 9U + 6U + 9U + 4U);    // as it sent them
}

TEST_F(WatchedWebSocketTest, EachCutGivesTheSame) {
  const std::string sent = bytes_of({{0x01, "a"}, {0x89, "p"}, {0x80, "hs"}, {0x82, "s"}, {0x81, "h"}});
  for (std::size_t cut = 1; cut <= sent.size(); ++cut) {
    Socket client(*this, "/echo");
    client.send_cut(sent, cut);
    client.half_close();
    std::string all;
    for (std::string more = client.read_some(); !more.empty(); more = client.read_some()) all += more;
    const auto messages = messages_in(all, false);
    ASSERT_TRUE(messages) << cut;
    // Where the fragments meet the ping depends on the cut; what is said does not.
    EXPECT_THAT(*messages, ::testing::UnorderedElementsAre(Message{10, "p"}, Message{1, "ahS3CR3T"},
                                                           Message{2, "s"}, Message{1, "h"}))
        << cut;
  }
}

TEST_F(WatchedWebSocketTest, CompressedTextIsChangedBothWays) {
  origin.on("/echo", [](const Received& r) { return websocket_echo(r, "permessage-deflate"); });
  Socket client(*this, "/echo");
  Compressor compress;
  std::string all;
  for (const char* text : {"is this so", "is this so", "it is"}) {
    client.send(bytes_of(Frame{0xc1, compress(text)}));
    const auto [first, payload] = client.frame();
    all += bytes_of(Frame{first, payload, false});
  }
  EXPECT_THAT(messages_in(all, false).value(),
              ElementsAre(Message{1, "iS3CR3T thiS3CR3T S3CR3To", true},
                          Message{1, "iS3CR3T thiS3CR3T S3CR3To", true}, Message{1, "it iS3CR3T", true}));
}

TEST_F(WatchedWebSocketTest, WhatCameOfAMessageDoesNotWaitForItsRest) {
  const Gate seen;
  on_talk([=](Conversation& with) {
    with.stream.write("\x81\x05HE"s);
    seen.wait(with.stop);
    with.stream.write("llo");
  });
  Socket client(*this, "/talk");
  EXPECT_EQ(client.frame(), Got(0x01, "H3"));
  Gate(seen).open();
  EXPECT_EQ(client.frame(), Got(0x80, "llo"));
}

TEST_F(WatchedWebSocketTest, OtherProtocolsAreRelayedUnread) {
  origin.on("/tcp", [](const Received&) { return Reply::upgrade_to_echo("tcp"); });
  Session client(*this);
  client.send(head("GET /tcp", "Connection: Upgrade\r\nUpgrade: tcp\r\n") + "no frame");
  EXPECT_EQ(client.read_head().second, "101");
  EXPECT_EQ(client.read_exactly(8), "no frame");
}

TEST_F(WatchedWebSocketTest, WithoutAFilterAnyExtensionPasses) {
  interceptor.messages = {};
  on_talk([](Conversation& with) { with.stream.write(with.stream.read_exactly(8)); },
          {{"Sec-WebSocket-Extensions", "x-other"}});
  Socket client(*this, "/talk", "no frame");
  EXPECT_EQ(client.read_exactly(8), "no frame");
}

TEST_F(WatchedWebSocketTest, ExtensionThatIsNotReadRefusesTheSwitch) {
  on_talk([](Conversation&) {},
          {{"Sec-WebSocket-Extensions", "permessage-deflate"}, {"Sec-WebSocket-Extensions", "x-other"}});
  Session client(*this);
  client.send(handshake("/talk"));
  EXPECT_EQ(error_code(client.read_response()), "upstream_protocol");
  EXPECT_EQ(interceptor.wait_for_outcomes(1)[0].reason, "upstream_protocol");
  EXPECT_EQ(client.get("/echo").status, 400U);  // the connection goes on
}

TEST_F(WatchedWebSocketTest, RefusedMessageClosesBothEnds) {
  const auto heard = std::make_shared<Heard>();
  on_talk([=](Conversation& with) { heard->listen(with.stream); });
  Socket client(*this, "/talk");
  client.send(bytes_of({{0x81, "as"}, {0x81, "a!b"}, {0x81, "not this"}}));
  EXPECT_EQ(client.frame(), Got(0x88, close_1008));
  EXPECT_TRUE(client.at_end());
  heard->ended.wait();
  EXPECT_THAT(messages_in(heard->bytes, true).value(),
              ElementsAre(Message{1, "aSECRET"}, Message{8, close_1008}));
  EXPECT_EQ(interceptor.wait_for_outcomes(1)[0].reason, "audit_unavailable");
  EXPECT_THAT(interceptor.refused(), ElementsAre());  // the filter's own affair
}

TEST_F(WatchedWebSocketTest, FaultOfTheClientClosesBothEnds) {
  const auto heard = std::make_shared<Heard>();
  on_talk([=](Conversation& with) { heard->listen(with.stream); });
  Socket client(*this, "/talk");
  client.send(bytes_of(Frame{0x81, "no mask", false}));
  EXPECT_EQ(client.frame(), Got(0x88, close_1002));
  heard->ended.wait();
  EXPECT_THAT(messages_in(heard->bytes, true).value(), ElementsAre(Message{8, close_1002}));
  EXPECT_EQ(interceptor.wait_for_outcomes(1)[0].reason, "bad_request");
  EXPECT_THAT(interceptor.refused(), ElementsAre(::testing::StartsWith("400 bad_request")));
}

TEST_F(WatchedWebSocketTest, FaultOfTheOriginClosesBothEnds) {
  const auto heard = std::make_shared<Heard>();
  on_talk([=](Conversation& with) {
    with.stream.write(bytes_of({{0x81, "E", false}, {0x83, "what", false}}));
    heard->listen(with.stream);
  });
  Socket client(*this, "/talk");
  EXPECT_EQ(client.frame(), Got(0x81, "3"));
  EXPECT_EQ(client.frame(), Got(0x88, close_1002));
  heard->ended.wait();
  EXPECT_THAT(messages_in(heard->bytes, true).value(), ElementsAre(Message{8, close_1002}));
  EXPECT_EQ(interceptor.wait_for_outcomes(1)[0].reason, "upstream_protocol");
  EXPECT_THAT(interceptor.refused(), ElementsAre(::testing::StartsWith("502 upstream_protocol")));
}

TEST_F(WatchedWebSocketTest, DirectionThatIsNotReadGetsNoCloseFrame) {
  interceptor.messages.from_client = {};
  const auto heard = std::make_shared<Heard>();
  on_talk([=](Conversation& with) {
    with.stream.write(with.stream.read_exactly(8) == "no frame" ? "\x83\x01?"s : "\x81\x01x"s);
    heard->listen(with.stream);
  });
  Socket client(*this, "/talk", "no frame");
  EXPECT_EQ(client.frame(), Got(0x88, close_1002));
  heard->ended.wait();
  EXPECT_EQ(heard->bytes, "");
}

TEST_F(WatchedWebSocketTest, NoCloseFrameGoesIntoTheMiddleOfAnother) {
  const auto heard = std::make_shared<Heard>();
  on_talk([=](Conversation& with) {
    with.stream.write("\x82\x09half"s);
    heard->listen(with.stream);
  });
  Socket client(*this, "/talk");
  EXPECT_EQ(client.read_exactly(6), "\x82\x09half");
  client.send(bytes_of(Frame{0x81, "!"}));
  EXPECT_TRUE(client.at_end());
  EXPECT_TRUE(client.stream().tls_truncated());
  heard->ended.wait();
  EXPECT_THAT(messages_in(heard->bytes, true).value(), ElementsAre(Message{8, close_1008}));
}

TEST_F(WatchedWebSocketTest, WhoDoesNotReadHoldsNobodyWhenItEnds) {
  const Gate flooding;
  on_talk([=](Conversation& with) {
    const std::string text = bytes_of(Frame{0x81, std::string(60000, 'x'), false});
    Gate(flooding).open();
    for (;;) with.stream.write(text);  // to its end by the boundary
  });
  Socket client(*this, "/talk");
  flooding.wait();
  client.send(bytes_of(Frame{0x81, "!"}));
  EXPECT_EQ(interceptor.wait_for_outcomes(1)[0].reason, "audit_unavailable");
}

TEST_F(WatchedWebSocketTest, HalfCloseIsPassedOnAndTheOtherDirectionGoesOn) {
  on_talk([](Conversation& with) {
    Heard heard;
    heard.listen(with.stream);
    with.stream.write(bytes_of(Frame{0x81, "E" + std::to_string(heard.bytes.size()), false}));
  });
  Socket client(*this, "/talk", bytes_of(Frame{0x81, "as"}));
  client.half_close();
  EXPECT_EQ(client.frame(), Got(0x81, "313"));
  EXPECT_TRUE(client.at_end());
  EXPECT_FALSE(client.stream().tls_truncated());
}

TEST_F(WatchedWebSocketTest, EndThatIsNoneInOrderIsPassedOnAsSuch) {
  on_talk([](Conversation& with) {
    with.stream.write("\x81\x05"s + "ab");
    with.stream.fin();
  });
  Socket client(*this, "/talk");
  EXPECT_EQ(client.frame(), Got(0x01, "ab"));
  EXPECT_TRUE(client.at_end());
  EXPECT_TRUE(client.stream().tls_truncated());
}

TEST_F(WatchedWebSocketTest, MessageOfAnySizePassesInConstantMemory) {
  interceptor.messages.from_client = [] { return std::make_unique<PassedOn>(); };
  constexpr std::uint64_t size = 64 << 20;
  std::size_t before = 0, most = 0;  // of the one thread that looks
  std::uint64_t got = 0;
  const Gate all;
  on_talk([&, all](Conversation& with) {
    unsigned pieces = 0;
    while (got < size) {
      got += with.stream.read_some().size();
      if (got > size / 4 && before == 0) before = most = resident_bytes();
      if (++pieces % 64 == 0) most = std::max(most, resident_bytes());
    }
    Gate(all).open();
  });
  Socket client(*this, "/talk");
  client.send("\x81\xff\0\0\0\0\x04\0\0\0\0\0\0\0"s);  // 64 MiB, masked with nothing
  const std::string piece(65536, 'x');
  for (std::uint64_t left = size; left > 0; left -= piece.size()) client.send(piece);
  all.wait();
#if !defined(__SANITIZE_ADDRESS__)
  EXPECT_LE(most - before, std::size_t{4} << 20);
#endif
}

}  // namespace
}  // namespace standin::proxy::test
