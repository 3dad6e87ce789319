#include "broker/websocket_swap.h"

#include "tests/broker/body_fixture.h"

namespace standin::broker {
namespace {

using testing::ElementsAre;

std::string server_side(BodyPlay& play, const proxy::MessageFilter& filter, std::string_view text,
                        std::optional<proxy::WebSocketEnd>& end) {
  // As a server would send it, so that the test reads it without a mask.
  proxy::WebSocketDirection direction(proxy::WebSocketSender::server, std::nullopt, filter);
  proxy::WipingBuffer frame;
  proxy::append_frame(frame, proxy::WebSocketSender::server, {.final = true, .opcode = 1}, text);
  proxy::WipingBuffer out;
  play.forget_uses();
  end = direction.feed(proxy::view(frame), out);
  return std::string(proxy::view(out).substr(std::min<std::size_t>(2, out.size())));
}

TEST(WebSocketSwap, EachTextMessageIsAUseOfItsOwn) {
  auto play = github_body({"ws-text"});
  const auto filter = websocket_swap(play.swapper(), play.origin(), play.calls());
  ASSERT_TRUE(filter);
  std::optional<proxy::WebSocketEnd> end;
  EXPECT_EQ(server_side(play, filter, with_token(R"({"token":"@"})"), end), R"({"token":"real"})");
  EXPECT_THAT(play.uses, ElementsAre("ws-text"));
  EXPECT_EQ(server_side(play, filter, with_token("@"), end), "real");
  EXPECT_FALSE(end);
  play.veto = proxy::Refusal{403, "denied_by_rule", "", ""};
  EXPECT_EQ(server_side(play, filter, with_token("@"), end), "");
  ASSERT_TRUE(end && end->refusal);
  EXPECT_EQ(end->refusal->code, "denied_by_rule");
}

TEST(WebSocketSwap, WithoutTheSiteNothingIsRead) {
  auto play = github_body({"json:/t", "form:t"});
  EXPECT_FALSE(websocket_swap(play.swapper(), play.origin(), play.calls()));
}

TEST(WebSocketSwap, StandInOfAnotherOriginIsRefused) {
  auto play = github_body({"ws-text"});
  play.host = "other.example";
  const auto filter = websocket_swap(play.swapper(), play.origin(), play.calls());
  std::optional<proxy::WebSocketEnd> end;
  server_side(play, filter, with_token("@"), end);
  ASSERT_TRUE(end && end->refusal);
  EXPECT_EQ(end->code, 1008);
  EXPECT_EQ(end->refusal->code, "wrong_origin");
}

}  // namespace
}  // namespace standin::broker
