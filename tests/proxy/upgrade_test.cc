// Upgrades: what is relayed once both sides agreed, and what never becomes one.
#include "tests/proxy/test_boundary.h"

namespace standin::proxy::test {
namespace {

using standin::test::find_field;
using ::testing::ElementsAre;
using ::testing::Pair;

struct UpgradeTest : BoundaryTest {};

TEST_F(UpgradeTest, UpgradeIsRelayedBothWays) {
  origin.on("/ws", [](const Received&) {
    return Reply::upgrade_to_echo("websocket", {{"Sec-WebSocket-Accept", "x"}});
  });
  Session client(*this);
  client.send(head("GET /ws", "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nAuthorization: " +
                                  std::string(stand_in) + "\r\n") +
              "early");
  const auto answer = client.read_head();
  EXPECT_EQ(answer.second, "101");
  EXPECT_EQ(find_field(answer.fields, "upgrade"), "websocket");
  EXPECT_EQ(find_field(answer.fields, "connection"), "Upgrade");
  EXPECT_EQ(find_field(answer.fields, "sec-websocket-accept"), "x");
  EXPECT_EQ(origin.last().field("authorization"), secret);
  EXPECT_EQ(origin.last().field("connection"), "Upgrade");
  EXPECT_EQ(client.read_exactly(5), "early");
  client.send("late");
  EXPECT_EQ(client.read_exactly(4), "late");
  client.half_close();
  EXPECT_TRUE(client.at_end());
  EXPECT_FALSE(client.stream().tls_truncated());
  const auto outcome = interceptor.wait_for_outcomes(1)[0];
  EXPECT_EQ(outcome.status, 101U);
  EXPECT_EQ(outcome.request_bytes, 9U);
  EXPECT_EQ(outcome.response_bytes, 9U);
  EXPECT_EQ(outcome.reason, "");
}

TEST_F(UpgradeTest, UpgradeThatIsDeclinedIsAnOrdinaryResponse) {
  Session client(*this);
  const Response response = client.get("/", {{"Connection", "Upgrade"}, {"Upgrade", "websocket"}});
  EXPECT_EQ(response.status, 200U);
  EXPECT_EQ(client.get("/").status, 200U);
}

TEST_F(UpgradeTest, UpgradeToRequestsThatNobodyJudgesIsNotPassedOn) {
  Session client(*this);
  for (const char* protocol : {"h2c", "websocket, h2c"}) {
    EXPECT_EQ(client
                  .get("/", {{"Connection", "Upgrade, HTTP2-Settings"},
                             {"Upgrade", protocol},
                             {"HTTP2-Settings", "AAA"}})
                  .status,
              200U);
    EXPECT_THAT(origin.last().head.fields, ElementsAre(Pair("Host", authority())));
  }
}

TEST_F(UpgradeTest, SwitchingWithoutBeingAskedIsRefused) {
  origin.on("/", [](const Received&) { return Reply::upgrade_to_echo("websocket"); });
  Session client(*this);
  EXPECT_EQ(error_code(client.get("/")), "upstream_protocol");
}

TEST_F(UpgradeTest, SwitchingInTheMiddleOfABodyIsRefused) {
  origin.on_head("/", [](const Received&) { return Reply::upgrade_to_echo("websocket"); });
  Session client(*this);
  const std::string fields = "Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n";
  client.send(head("POST /", fields) + "1\r\na\r\n");
  EXPECT_EQ(error_code(client.read_response()), "upstream_protocol");
}

}  // namespace
}  // namespace standin::proxy::test
