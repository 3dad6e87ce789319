// WebSockets that are read on their way (RFC 6455, RFC 7692): what changes, what stays, and what ends them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/proxy/websocket_fixture.h"

namespace standin::proxy::test {
namespace {

using ::testing::ElementsAre;
using namespace std::string_literals;

WebSocketDirection client(std::optional<WebSocketDeflate> deflate = std::nullopt,
                          MessageFilter filter = letters) {
  return {WebSocketSender::client, deflate, std::move(filter)};
}

/// What the origin reads of what the client sends, whatever pieces it comes in.
std::vector<Message> read_by_origin(const std::string& bytes, std::optional<WebSocketDeflate> deflate = {}) {
  std::optional<std::vector<Message>> whole;
  for (std::size_t piece = bytes.size(); piece > 0; piece = piece > 9 ? piece / 3 : piece - 1) {
    const auto relayed = relay(client(deflate), bytes, piece);
    EXPECT_FALSE(relayed.end) << "pieces of " << piece;
    const auto messages = messages_in(relayed.out, true);
    EXPECT_TRUE(messages) << "pieces of " << piece;
    if (!messages) return {};
    if (!whole) whole = messages;
    EXPECT_EQ(*messages, *whole) << "pieces of " << piece;
  }
  return *whole;
}

TEST(WebSocket, TextIsChangedAndFramedAgain) {
  EXPECT_THAT(read_by_origin(bytes_of({{0x81, "as sh"}, {0x81, ""}, {0x81, std::string(300, 's')}})),
              ElementsAre(Message{1, "aSECRET SECRETh"}, Message{1, ""}, Message{1, [] {
                                                                                   std::string all;
                                                                                   for (int i = 0; i < 300;
                                                                                        ++i)
                                                                                     all += "SECRET";
                                                                                   return all;
                                                                                 }()}));
}

TEST(WebSocket, FragmentsAreOneMessageAndControlMayStandBetween) {
  EXPECT_THAT(read_by_origin(bytes_of(
                  {{0x01, "ah"}, {0x89, "ping s"}, {0x00, ""}, {0x8a, ""}, {0x80, "s"}, {0x81, "s"}})),
              testing::UnorderedElementsAre(Message{9, "ping s"}, Message{10, ""}, Message{1, "ahSECRET"},
                                            Message{1, "SECRET"}));
}

TEST(WebSocket, MessageThatComesWholeIsOneFrame) {
  const auto relayed = relay(client(), bytes_of(Frame{0x81, "as"}), 1000);
  EXPECT_EQ(relayed.out.size(), 2 + 4 + 7U);
  EXPECT_EQ(relayed.out[0], '\x81');
}

TEST(WebSocket, TextOfAnySizeGoesOnAsItComes) {
  auto direction = client();
  const std::string bytes = bytes_of(Frame{0x81, std::string(4 << 20, 'a')});
  WipingBuffer out;
  for (std::size_t at = 0; at < bytes.size(); at += 10'000) {
    out.clear();
    const std::string_view piece = std::string_view(bytes).substr(at, 10'000);
    ASSERT_FALSE(direction.feed(piece, out));
    ASSERT_NEAR(static_cast<double>(out.size()), static_cast<double>(piece.size()), 16);
  }
}

TEST(WebSocket, MasksAreFresh) {
  const std::string bytes = bytes_of({{0x81, "s"}, {0x81, "s"}, {0x81, "s"}});
  const std::string out = relay(client(), bytes, 1000).out;
  ASSERT_EQ(out.size(), 3 * 12U);
  EXPECT_NE(out.substr(2, 4), "\x11\x82\xf3\x44");
  EXPECT_FALSE(out.substr(2, 4) == out.substr(14, 4) && out.substr(2, 4) == out.substr(26, 4));
}

TEST(WebSocket, BinaryAndControlPassByteForByte) {
  const std::string bytes = bytes_of(
      {{0x82, "s\0s"s}, {0x02, "s"}, {0x89, "s"}, {0x80, std::string(70'000, 's')}, {0x88, "\x03\xe8s"}});
  for (const std::size_t piece : {1, 7, 1000, 100'000}) {
    const auto relayed = relay(client(), bytes, piece);
    EXPECT_EQ(relayed.out, bytes);
    EXPECT_FALSE(relayed.end);
  }
}

TEST(WebSocket, WithoutAFilterNothingIsRead) {
  const std::string bytes = "\xff\xff no frame at all s!";
  const auto relayed = relay(client(std::nullopt, {}), bytes, 3);
  EXPECT_EQ(relayed.out, bytes);
  EXPECT_FALSE(relayed.end);
}

TEST(WebSocket, WhatTheServerSendsIsNotMasked) {
  WebSocketDirection server(WebSocketSender::server, std::nullopt, letters);
  const auto relayed = relay(std::move(server), bytes_of({{0x01, "s", false}, {0x80, "h", false}}), 1000);
  EXPECT_FALSE(relayed.end);
  EXPECT_THAT(messages_in(relayed.out, false), testing::Optional(ElementsAre(Message{1, "SECRETh"})));
}

TEST(WebSocket, FaultsOfProtocolEndIt) {
  const std::vector<std::pair<const char*, std::string>> faults = {
      {"not masked", bytes_of(Frame{0x81, "a", false})},
      {"RSV1 without an extension", bytes_of(Frame{0xc1, "a"})},
      {"RSV2", bytes_of(Frame{0xa1, "a"})},
      {"RSV3", bytes_of(Frame{0x91, "a"})},
      {"opcode 3", bytes_of(Frame{0x83, "a"})},
      {"opcode 11", bytes_of(Frame{0x8b, "a"})},
      {"continuation of nothing", bytes_of(Frame{0x80, "a"})},
      {"message within a message", bytes_of({{0x01, "a"}, {0x81, "a"}})},
      {"ping in fragments", bytes_of(Frame{0x09, "a"})},
      {"long ping", bytes_of(Frame{0x89, std::string(126, 'a')})},
      {"long spelling of a length", bytes_of({0x81, "a", true, 2})},
      {"longer spelling of a length", bytes_of({0x81, std::string(200, 'a'), true, 8})},
      {"negative length", "\x82\xff\x80\0\0\0\0\0\0\0...."s},
      {"data behind a close", bytes_of({{0x88, ""}, {0x81, "a"}})},
  };
  for (const auto& [name, bytes] : faults) {
    for (const std::size_t piece : {1, 1000}) {
      const auto relayed = relay(client(), bytes, piece);
      ASSERT_TRUE(relayed.end) << name;
      EXPECT_EQ(relayed.end->code, 1002) << name;
      EXPECT_FALSE(relayed.end->refusal) << name;
    }
  }
  WebSocketDirection server(WebSocketSender::server, std::nullopt, letters);
  EXPECT_TRUE(relay(std::move(server), bytes_of(Frame{0x81, "a"}), 1000).end) << "masked by the server";
}

TEST(WebSocket, FilterThatRefusesEndsItWithItsRefusal) {
  const auto relayed = relay(client(), bytes_of({{0x81, "s"}, {0x81, "a!s"}}), 1000);
  ASSERT_TRUE(relayed.end && relayed.end->refusal);
  EXPECT_EQ(relayed.end->code, 1008);
  EXPECT_EQ(relayed.end->refusal->code, "audit_unavailable");
  EXPECT_THAT(messages_in(relayed.out, true), testing::Optional(ElementsAre(Message{1, "SECRET"})));
}

TEST(WebSocket, CloseFrameIsSentOnlyBetweenFrames) {
  auto direction = client();
  WipingBuffer out;
  const std::string binary = bytes_of(Frame{0x82, "abc"});
  EXPECT_TRUE(direction.between_frames());
  EXPECT_FALSE(direction.feed(binary.substr(0, 7), out));
  EXPECT_FALSE(direction.between_frames());
  EXPECT_FALSE(direction.feed(binary.substr(7), out));
  EXPECT_TRUE(direction.between_frames());
  EXPECT_FALSE(direction.feed(bytes_of(Frame{0x81, "abc"}).substr(0, 7), out));
  EXPECT_TRUE(direction.between_frames());
  out.clear();
  append_close(out, WebSocketSender::server, 1002);
  EXPECT_EQ(view(out), "\x88\x02\x03\xea");
}

TEST(WebSocket, NoCloseFrameIsSentWhereNothingIsReadOrBehindAnother) {
  EXPECT_FALSE(client(std::nullopt, {}).can_close());
  auto direction = client();
  WipingBuffer out;
  EXPECT_TRUE(direction.can_close());
  EXPECT_FALSE(direction.feed(bytes_of(Frame{0x88, "\x03\xe8"}), out));
  EXPECT_FALSE(direction.can_close());
}

TEST(WebSocketDeflate, ReadsTheExamplesOfItsRfc) {  // RFC 7692 7.2.3
  WebSocketInflater inflater;
  const auto inflated = [&](std::string_view message) {
    std::string text;
    const auto use = [&](std::string_view piece) {
      text += piece;
      return true;
    };
    return inflater.feed(message, use) && inflater.finish(use) ? text : "fault";
  };
  EXPECT_EQ(inflated("\xf2\x48\xcd\xc9\xc9\x07\0"s), "Hello");
  EXPECT_EQ(inflated("\xf2\0\x11\0\0"s), "Hello");                // refers to the one before it
  EXPECT_EQ(inflated("\0\x05\0\xfa\xffHello\0"s), "Hello");       // not compressed
  EXPECT_EQ(inflated("\xf3\x48\xcd\xc9\xc9\x07\0\0"s), "Hello");  // a final block
  EXPECT_EQ(inflated("\xf2\0\x11\0\0"s), "Hello");                // what was before it still counts
  EXPECT_EQ(inflated("\xf2\x48\x05\0\0\0\xff\xff\xca\xc9\xc9\x07\0"s), "Hello");  // two blocks
  EXPECT_EQ(inflated("\0"s), "");
  EXPECT_EQ(inflated("\xff\xff"), "fault");
}

TEST(WebSocketDeflate, WritesTheExampleOfItsRfc) {
  Compressor compress;
  EXPECT_EQ(compress("Hello"), "\xf2\x48\xcd\xc9\xc9\x07\0"s);
  EXPECT_EQ(compress("Hello"), "\xf2\0\x11\0\0"s);
  EXPECT_EQ(compress(""), "\0"s);
}

TEST(WebSocketDeflate, CompressedTextIsChanged) {
  for (const WebSocketDeflate agreed :
       {WebSocketDeflate{}, WebSocketDeflate{false, 15}, WebSocketDeflate{true, 9}, WebSocketDeflate{true, 8},
        WebSocketDeflate{false, 8}}) {
    Compressor compress(agreed);
    const std::string first = compress("as sh as sh as sh");
    const std::string second = compress("as sh as sh as sh");
    const std::string third = compress(std::string(100'000, 'x') + "s");
    EXPECT_THAT(read_by_origin(bytes_of({{0x41, first.substr(0, 3)},
                                         {0x89, "s"},
                                         {0x00, ""},
                                         {0x80, first.substr(3)},
                                         {0xc1, second},
                                         {0x81, "not compressed"},
                                         {0xc1, compress("")},
                                         {0xc1, third}}),
                               agreed),
                testing::UnorderedElementsAre(
                    Message{9, "s"}, Message{1, "aSECRET SECRETh aSECRET SECRETh aSECRET SECRETh", true},
                    Message{1, "aSECRET SECRETh aSECRET SECRETh aSECRET SECRETh", true},
                    Message{1, "not compreSECRETSECRETed"}, Message{1, "", true},
                    Message{1, std::string(100'000, 'x') + "SECRET", true}))
        << agreed.window_bits << agreed.takes_over;
  }
}

// It refers to a text that the origin got changed.
TEST(WebSocketDeflate, BinaryThatRefersToATextIsCompressedAgain) {
  Compressor compress;
  const std::string text = compress("as it was");
  EXPECT_THAT(read_by_origin(bytes_of({{0xc1, text}, {0xc2, compress("as it was")}}), WebSocketDeflate{}),
              ElementsAre(Message{1, "aSECRET it waSECRET", true}, Message{2, "as it was", true}));
}

TEST(WebSocketDeflate, BinaryThatStandsAlonePassesByteForByte) {
  Compressor compress({.takes_over = false});
  const std::string binary = bytes_of(Frame{0xc2, compress("as it was")});
  EXPECT_EQ(relay(client(WebSocketDeflate{.takes_over = false}), binary, 1000).out, binary);
}

TEST(WebSocketDeflate, WhatIsNotCompressedTextEndsIt) {
  const auto relayed = relay(client(WebSocketDeflate{}), bytes_of(Frame{0xc1, "\xff\xff"}), 1000);
  ASSERT_TRUE(relayed.end);
  EXPECT_EQ(relayed.end->code, 1002);
}

TEST(WebSocketExtensions, ReadsWhatWasAgreedOn) {
  const auto none = parse_websocket_extensions("");
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->from_client);
  const auto plain = parse_websocket_extensions("permessage-deflate");
  ASSERT_TRUE(plain && plain->from_client && plain->from_server);
  EXPECT_TRUE(plain->from_client->takes_over);
  EXPECT_EQ(plain->from_server->window_bits, 15);
  const auto all = parse_websocket_extensions(
      "Permessage-Deflate; server_no_context_takeover; client_max_window_bits=10; "
      "server_max_window_bits=\"9\"");
  ASSERT_TRUE(all);
  EXPECT_TRUE(all->from_client->takes_over);
  EXPECT_FALSE(all->from_server->takes_over);
  EXPECT_EQ(all->from_client->window_bits, 10);
  EXPECT_EQ(all->from_server->window_bits, 9);
}

TEST(WebSocketExtensions, WhatIsNotUnderstoodIsNotRead) {
  for (const char* value :
       {"x-webkit-deflate-frame", "permessage-deflate, permessage-deflate", "permessage-deflate, x",
        "x, permessage-deflate", "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16", "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_no_context_takeover=1", "permessage-deflate; other", "=", "\""})
    EXPECT_FALSE(parse_websocket_extensions(value)) << value;
}

}  // namespace
}  // namespace standin::proxy::test
