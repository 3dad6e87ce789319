// What the broker finds behind the head: compressed bodies and the messages of WebSockets.
#include "tests/broker/broker_fixture.h"
#include "tests/proxy/encoders.h"

namespace standin::broker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class BrokerPassage : public BrokerRun {
 public:
  /// What comes out of a transform, or "refused: CODE".
  static std::string through(proxy::BodyTransform& transform, std::string_view text) {
    proxy::WipingBuffer out;
    if (const auto refusal = transform.feed(text, out)) return "refused: " + refusal->code;
    while (transform.has_more()) {
      if (const auto refusal = transform.feed({}, out)) return "refused: " + refusal->code;
    }
    if (const auto refusal = transform.finish(out)) return "refused: " + refusal->code;
    return std::string(proxy::view(out));
  }
  BrokerRun& form(std::string_view coding) {
    const std::string value = "Bearer " + stand_in();
    return request("api.github.com", "/",
                   {{"Content-Encoding", coding},
                    {"Content-Type", "application/x-www-form-urlencoded"},
                    {"Authorization", value}});
  }
  proxy::MessageFilters websocket(const std::vector<proxy::Field>& fields = {{"Upgrade", "websocket"}}) {
    request("api.github.com", "/live", fields);
    return exchange_ ? exchange_->on_websocket() : proxy::MessageFilters{};
  }
  static std::string gzip(const std::string& text) { return proxy::deflated({text}, MAX_WBITS + 16); }
};

TEST_F(BrokerPassage, CompressedBodyIsSwappedAndGoesOnDecoded) {
  add("github", {"api.github.com"}, {"authentication", "form:token"}, "ghp_real_secret");
  start();
  form("gzip");
  ASSERT_TRUE(body_);
  EXPECT_EQ(through(*body_, gzip("a=b&token=" + stand_in())), "a=b&token=ghp_real_secret");
  EXPECT_EQ(field("Content-Encoding"), "");
  EXPECT_EQ(field("Content-Type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(authorization(), "Bearer ghp_real_secret");
  EXPECT_THAT(log(), ElementsAre("use github header:Authorization GET https://api.github.com /",
                                 "use github form:token GET https://api.github.com /"));
}

TEST_F(BrokerPassage, DamagedCodingIsTheClientsFault) {
  add("github", {"api.github.com"}, {"authentication", "form:token"}, "ghp_real_secret");
  start();
  form("gzip");
  ASSERT_TRUE(body_);
  EXPECT_EQ(through(*body_, "token=" + stand_in()), "refused: bad_request");
  form("gzip");
  EXPECT_EQ(through(*body_, gzip("token=x").substr(0, 20)), "refused: bad_request");
  const std::string once = "refused GET https://api.github.com / 400 bad_request";
  EXPECT_THAT(log(), ElementsAre(HasSubstr("use github"), once, HasSubstr("use github"), once));
  EXPECT_THAT(reported_, ElementsAre("bad_request"));
}

TEST_F(BrokerPassage, CodingThatIsNotReadPassesUntouched) {
  add("github", {"api.github.com"}, {"authentication", "form:token"}, "ghp_real_secret");
  start();
  for (const char* coding : {"compress", "gzip, aes128gcm", "gzip, gzip, gzip, gzip"}) {
    form(coding);
    EXPECT_EQ(code(), "");
    EXPECT_FALSE(body_) << coding;
    EXPECT_EQ(field("Content-Encoding"), coding);
  }
}

TEST_F(BrokerPassage, UseInAMessageIsOnRecordBeforeItLeavesAndOnceForTheConnection) {
  add("github", {"api.github.com"}, {"ws-text"}, "ghp_real_secret");
  start();
  const auto filters = websocket();
  ASSERT_TRUE(filters.from_client && filters.from_server);
  EXPECT_THAT(log(), IsEmpty());
  const auto first = filters.from_client();
  proxy::WipingBuffer out;
  EXPECT_FALSE(first->feed("say " + stand_in() + " and more", out));
  EXPECT_THAT(log(), ElementsAre("use github ws-text GET https://api.github.com /live"));
  EXPECT_FALSE(first->finish(out));
  EXPECT_EQ(proxy::view(out), "say ghp_real_secret and more");
  EXPECT_EQ(through(*filters.from_client(), stand_in()), "ghp_real_secret");
  end(101);
  EXPECT_THAT(log(), ElementsAre("use github ws-text GET https://api.github.com /live",
                                 "use_done github ws-text GET https://api.github.com /live 101"));
}

TEST_F(BrokerPassage, NoMessageLeavesWithAUseThatIsNotOnRecord) {
  add("github", {"api.github.com"}, {"ws-text"}, "ghp_real_secret");
  start();
  const auto filters = websocket();
  break_log();
  EXPECT_EQ(through(*filters.from_client(), stand_in()), "refused: audit_unavailable");
  mend_log();
}

TEST_F(BrokerPassage, WhatAMessageSaidIsScrubbedFromTheAnswers) {
  add("github", {"api.github.com"}, {"ws-text"}, "ghp_real_secret");
  start();
  const auto filters = websocket();
  EXPECT_FALSE(filters.from_server());  // nothing was sent yet
  through(*filters.from_client(), stand_in());
  EXPECT_EQ(through(*filters.from_server(), "you said ghp_real_secret"), "you said " + stand_in());
}

TEST_F(BrokerPassage, WebSocketWithASecretInItsHandshakeIsScrubbedOnly) {
  add("github", {"api.github.com"}, {}, "ghp_real_secret");
  start();
  const std::string value = "Bearer " + stand_in();
  const auto filters = websocket({{"Upgrade", "websocket"}, {"Authorization", value}});
  EXPECT_FALSE(filters.from_client);
  EXPECT_EQ(through(*filters.from_server(), "ghp_real_secret"), stand_in());
}

TEST_F(BrokerPassage, SecretThatAnotherRequestSendsIsScrubbedFromTheNextMessage) {
  add("github", {"api.github.com"}, {}, "ghp_real_secret");
  start();
  const auto filters = websocket();
  EXPECT_FALSE(filters.from_client);
  EXPECT_EQ(filters.unreadable, proxy::MessageFilters::Unreadable::relayed) << "nothing is in it yet";
  EXPECT_FALSE(filters.from_server());
  const auto open = std::move(exchange_);
  bearer();
  EXPECT_EQ(through(*filters.from_server(), "ghp_real_secret"), stand_in());
  EXPECT_EQ(websocket().unreadable, proxy::MessageFilters::Unreadable::refused);
}

TEST_F(BrokerPassage, WebSocketIsNotReadWhereNoSecretIsScrubbed) {
  add("github", {"api.github.com"}, {}, "ghp_real_secret");
  edit("github", {"api.github.com"}, {}, Scrubbing::lenient);
  start();
  const auto filters = websocket();
  EXPECT_FALSE(filters.from_client || filters.from_server);
}

}  // namespace
}  // namespace standin::broker
