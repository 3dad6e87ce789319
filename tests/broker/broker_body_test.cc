#include "tests/broker/broker_fixture.h"
#include "tests/proxy/encoders.h"

// The broker's parts at work on one exchange: what a body carries, and what comes back.

namespace standin::broker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr std::string_view form = "application/x-www-form-urlencoded";
const std::string secret = "real-token-0123";

class BrokerBody : public BrokerRun {
 protected:
  BrokerBody() {
    add("oauth", {"api.github.com"}, {"form:secret", "form:also", "json:/auth/token"}, secret);
    start();
  }
  BrokerBody& form_post(std::string_view host = "api.github.com") {
    post(host, "/token?a=b", form);
    return *this;
  }
};

// --- what a body carries ---

TEST_F(BrokerBody, UseIsOnRecordWhenItsBytesGoOn) {
  form_post();
  ASSERT_TRUE(body_);
  EXPECT_EQ(body("a=b&secret="), "a=b&secret=");
  EXPECT_EQ(body(stand_in().substr(0, 20)), "");
  EXPECT_THAT(log(), IsEmpty()) << "nothing has been used";
  EXPECT_EQ(body(stand_in().substr(20) + "&"), secret + "&");
  EXPECT_THAT(log(), ElementsAre("use oauth form:secret POST https://api.github.com /token?a=…"));
  EXPECT_EQ(end_body(), "");
  end(200);
  ASSERT_THAT(log(), SizeIs(2));
  EXPECT_EQ(log()[1], "use_done oauth form:secret POST https://api.github.com /token?a=… 200");
  EXPECT_EQ(entries()[1].of, entries()[0].seq);
  EXPECT_TRUE(verify_audit(audit_folder_, vault_->derive_key("audit")).intact());
}

TEST_F(BrokerBody, UseIsRecordedOnceForEachSite) {
  form_post();
  const std::string both =
      "secret=" + stand_in() + stand_in() + "&also=" + stand_in() + "&secret=" + stand_in();
  EXPECT_EQ(body(both) + end_body(), "secret=" + secret + secret + "&also=" + secret + "&secret=" + secret);
  EXPECT_THAT(log(), ElementsAre("use oauth form:secret POST https://api.github.com /token?a=…",
                                 "use oauth form:also POST https://api.github.com /token?a=…"));
  end(201);
  EXPECT_THAT(log(), SizeIs(4));
  EXPECT_EQ(entries()[3].of, entries()[1].seq);
}

TEST_F(BrokerBody, UsesOfHeadAndBodyEndTogether) {
  add("header", {"api.github.com"}, {}, "another-secret");
  start();
  request("api.github.com", "/", {{"Authorization", stand_in(0)}, {"Content-Type", "application/json"}});
  const std::string text = body("{\"auth\":{\"token\":\"" + stand_in(1) + "\"}}") + end_body();
  EXPECT_EQ(text, "{\"auth\":{\"token\":\"" + secret + "\"}}");
  end(200);
  EXPECT_THAT(log(), ElementsAre("use header header:Authorization GET https://api.github.com /",
                                 "use oauth json:/auth/token GET https://api.github.com /",
                                 "use_done header header:Authorization GET https://api.github.com / 200",
                                 "use_done oauth json:/auth/token GET https://api.github.com / 200"));
}

TEST_F(BrokerBody, OtherFieldsAreInertAndNotRecorded) {
  form_post();
  const std::string text = "note=" + stand_in() + "&x=1";
  EXPECT_EQ(body(text) + end_body(), text);
  end(200);
  EXPECT_THAT(log(), IsEmpty());
}

TEST_F(BrokerBody, NothingGoesOnThatCannotBeRecorded) {
  form_post();
  body("secret=" + stand_in());
  end_body();
  end(200);
  form_post();
  EXPECT_EQ(body("a=1&secret="), "a=1&secret=");
  break_log();
  EXPECT_EQ(body(stand_in() + "&"), "refused: audit_unavailable");
  EXPECT_EQ(refusal_->status, 503U);
  end(0, "audit_unavailable");
  EXPECT_THAT(reported_, ElementsAre("audit_unavailable"));
  mend_log();
  form_post();
  EXPECT_EQ(body("secret=" + stand_in() + "&"), "secret=" + secret + "&");
  EXPECT_THAT(log(), testing::Contains("refused oauth form:secret POST https://api.github.com /token?a=… 503 "
                                       "audit_unavailable"));
}

TEST_F(BrokerBody, CredentialRemovedMeanwhileIsRefused) {
  form_post();
  EXPECT_EQ(body("secret=" + stand_in() + "&also="), "secret=" + secret + "&also=");
  remove("oauth");
  EXPECT_EQ(body(stand_in() + "&"), "refused: denied_by_rule");
  end(0, "denied_by_rule");
  EXPECT_THAT(
      log(), ElementsAre("use oauth form:secret POST https://api.github.com /token?a=…",
                         "refused oauth form:also POST https://api.github.com /token?a=… 403 denied_by_rule",
                         "use_done oauth form:secret POST https://api.github.com /token?a=… denied_by_rule"));
}

TEST_F(BrokerBody, CredentialRemovedMeanwhileIsRefusedInTheSiteThatItWasUsedIn) {
  form_post();
  EXPECT_EQ(body("secret=" + stand_in() + "&secret="), "secret=" + secret + "&secret=");
  remove("oauth");
  EXPECT_EQ(body(stand_in() + "&"), "refused: denied_by_rule");
}

TEST_F(BrokerBody, SecretRotatedMeanwhileIsTheNewOne) {
  form_post();
  EXPECT_EQ(body("secret=" + stand_in() + "&also="), "secret=" + secret + "&also=");
  rotate("oauth", "newer-token-4567");
  EXPECT_EQ(body(stand_in() + "&"), "newer-token-4567&");
  EXPECT_EQ(answer(secret + " newer-token-4567"), stand_in() + " " + stand_in());
}

TEST_F(BrokerBody, SiteOfABodyToAnotherOriginIsRefused) {
  add("stripe", {"api.stripe.com"}, {}, "sk-0123456789");
  start();
  form_post("api.stripe.com");
  ASSERT_TRUE(body_);
  EXPECT_EQ(body("secret=" + stand_in(0) + "&"), "refused: wrong_origin");
  EXPECT_EQ(refusal_->status, 403U);
  EXPECT_THAT(
      log(),
      ElementsAre("refused oauth form:secret POST https://api.stripe.com /token?a=… 403 wrong_origin"));
  EXPECT_THAT(reported_, ElementsAre("wrong_origin"));
}

TEST_F(BrokerBody, SecretThatTheFormCannotCarryEndsItsUse) {
  add("binary", {"api.github.com"}, {"json:/key"}, "no utf-8: \xff");
  start();
  post("api.github.com", "/", "application/json");
  const std::string held = body("{\"key\":\"" + stand_in(0) + "\"}");
  EXPECT_EQ(held, "refused: secret_unusable");
  end(0, "secret_unusable");
  EXPECT_THAT(log(), ElementsAre("use binary json:/key POST https://api.github.com /",
                                 "refused binary json:/key POST https://api.github.com / 502 secret_unusable",
                                 "use_done binary json:/key POST https://api.github.com / secret_unusable"));
}

TEST_F(BrokerBody, NoSecretIsInTheLog) {
  form_post();
  body("secret=" + stand_in());
  end_body();
  end(200);
  for (const auto& entry : entries()) {
    EXPECT_THAT(entry.line, Not(HasSubstr(secret)));
    EXPECT_THAT(entry.line, Not(HasSubstr(stand_in())));
  }
}

// --- what comes back ---

TEST_F(BrokerBody, WhatTheBodyCarriedIsReplacedInItsAnswer) {
  form_post();
  body("secret=" + stand_in());
  end_body();
  EXPECT_EQ(answer("you sent " + secret, {{"X-Sent", secret}}), "you sent " + stand_in());
  EXPECT_EQ(response_.fields[0].value, stand_in());
  EXPECT_EQ(proxy::view(exchange_->on_response_trailer({"X-Sent", secret}).value()), stand_in());
}

TEST_F(BrokerBody, AnswerThatBeginsBeforeTheSecretWasSentIsScrubbedFromThenOn) {
  form_post();
  body("a=b&");
  response_.status = 200;
  const auto change = exchange_->on_response(response_);
  ASSERT_TRUE(change) << "a secret may yet get into the body";
  proxy::WipingBuffer out;
  EXPECT_FALSE(change->feed("a=b&", out));
  body("secret=" + stand_in());
  end_body();
  EXPECT_FALSE(change->feed(secret, out));
  EXPECT_FALSE(change->finish(out));
  EXPECT_EQ(std::string(proxy::view(out)), "a=b&" + stand_in());
}

TEST_F(BrokerBody, StreamThatBeganBeforeAnySecretWasSentIsScrubbedFromThenOn) {
  request("api.github.com", "/events", {});
  const auto events = std::move(exchange_);
  response_.status = 200;
  const auto change = events->on_response(response_);
  ASSERT_TRUE(change);
  proxy::WipingBuffer out;
  EXPECT_FALSE(change->feed("data: " + secret + "\n\n", out));
  EXPECT_EQ(proxy::view(out), "data: " + secret + "\n\n") << "not sent yet: not known here";
  form_post();
  body("secret=" + stand_in());
  end_body();
  out.clear();
  EXPECT_FALSE(change->feed("data: " + secret + "\n\n", out));
  EXPECT_EQ(proxy::view(out), "data: " + stand_in() + "\n\n");
  EXPECT_EQ(proxy::view(events->on_response_trailer({"X", secret}).value()), stand_in());
}

TEST_F(BrokerBody, NothingThatTheChildWouldNoticeIsDoneToAResponseBeforeASecretWasSent) {
  const auto is_changed = [&](unsigned status, std::vector<proxy::Field> fields) {
    response_.clear();
    response_.status = status;
    response_.fields = std::move(fields);
    return exchange_->on_response(response_) != nullptr;
  };
  request("api.github.com", "/", {{"Accept-Encoding", "dcb"}, {"Range", "bytes=0-5"}});
  EXPECT_EQ(field("Accept-Encoding"), "dcb");
  EXPECT_TRUE(is_changed(200, {}));
  EXPECT_FALSE(is_changed(200, {{"content-length", "5"}}));
  EXPECT_FALSE(is_changed(200, {{"Content-Encoding", "gzip"}}));
  EXPECT_FALSE(is_changed(200, {{"Content-Encoding", "dcb"}}));
  EXPECT_FALSE(is_changed(103, {}));
  EXPECT_FALSE(is_changed(204, {}));
  EXPECT_FALSE(is_changed(304, {}));
}

TEST_F(BrokerBody, NothingIsLookedForBeforeItWasSent) {
  form_post();
  body("a=b");
  end_body();
  response_.status = 200;
  response_.fields = {{"Content-Length", "3"}};
  EXPECT_EQ(exchange_->on_response(response_), nullptr) << "its length stays";
  EXPECT_EQ(answer(secret), secret);
  EXPECT_FALSE(exchange_->on_response_trailer({"X", secret}));
}

TEST_F(BrokerBody, LaterRequestsWithoutAStandInAreScrubbedToo) {
  form_post();
  body("secret=" + stand_in());
  end_body();
  end(200);
  const auto recorded = log();
  request("api.github.com", "/later", {{"Accept-Encoding", "dcb, gzip"}});
  ASSERT_TRUE(exchange_);
  EXPECT_EQ(head_.fields[0].value, "gzip");
  EXPECT_EQ(answer("still " + secret), "still " + stand_in());
  end(200);
  EXPECT_EQ(log(), recorded) << "there is nothing to record of it";
}

TEST_F(BrokerBody, CodingsAreNarrowedWhereTheAnswerWillBeRead) {
  request("api.github.com", "/", {{"Accept-Encoding", "dcb, gzip"}});
  EXPECT_EQ(head_.fields[0].value, "dcb, gzip") << "nothing to be scrubbed";
  request("api.github.com", "/", {{"Accept-Encoding", "dcb, gzip"}, {"Content-Type", form}});
  EXPECT_EQ(head_.fields[0].value, "gzip");
}

TEST_F(BrokerBody, CodedAnswerIsReadOrRefused) {
  form_post();
  body("secret=" + stand_in());
  end_body();
  EXPECT_EQ(answer(proxy::encoded(proxy::Format::br, {secret}), {{"Content-Encoding", "br"}}), stand_in());
  EXPECT_THAT(response_.fields, IsEmpty());
  EXPECT_EQ(answer(secret, {{"Content-Encoding", "dcb"}}), "refused: response_unreadable");
  const std::string told = "refused POST https://api.github.com /token?a=… 502 ";
  EXPECT_THAT(log(), ElementsAre(HasSubstr("use oauth"), told + "response_unreadable"));
  EXPECT_EQ(answer("no gzip", {{"Content-Encoding", "gzip"}}), "refused: upstream_protocol");
  EXPECT_EQ(log().back(), told + "upstream_protocol");
  EXPECT_THAT(log(), SizeIs(3));
}

TEST_F(BrokerBody, PartOfABodyIsAskedForUncodedAndElseRefused) {
  form_post();
  body("secret=" + stand_in());
  end_body();
  request("api.github.com", "/file", {{"accept-encoding", "gzip, br"}, {"Range", "bytes=0-99"}});
  EXPECT_EQ(field("Range"), "bytes=0-99");
  EXPECT_EQ(field("accept-encoding"), "");
  EXPECT_EQ(field("Accept-Encoding"), "identity");
  response_.clear();
  response_.status = 206;
  EXPECT_NE(exchange_->on_response(response_), nullptr);
  response_.fields = {{"Content-Encoding", "gzip"}, {"Content-Range", "bytes 0-99/1000"}};
  const auto change = exchange_->on_response(response_);
  proxy::WipingBuffer out;
  EXPECT_TRUE(change->has_more()) << "asked before the head goes";
  EXPECT_EQ(change->feed({}, out).value().code, "response_unreadable");
  EXPECT_EQ(log().back(), "refused GET https://api.github.com /file 502 response_unreadable");
}

TEST_F(BrokerBody, LenientCredentialIsNeverLookedFor) {
  edit("oauth", {"api.github.com"}, {"form:secret"}, Scrubbing::lenient);
  form_post();
  body("secret=" + stand_in());
  end_body();
  EXPECT_EQ(answer("you sent " + secret, {{"X-Sent", secret}, {"Content-Encoding", "dcb"}}),
            "you sent " + secret);
  EXPECT_EQ(response_.fields[0].value, secret);
  EXPECT_THAT(log(), SizeIs(1)) << "its use is recorded as any other";
}

TEST_F(BrokerBody, RotatedSecretIsReplacedLikeTheNewOne) {
  form_post();
  body("secret=" + stand_in());
  end_body();
  rotate("oauth", "newer-token-4567");
  form_post();
  EXPECT_EQ(answer("newer-token-4567"), "newer-token-4567") << "not sent yet";
  body("secret=" + stand_in());
  end_body();
  EXPECT_EQ(answer(secret + " newer-token-4567"), stand_in() + " " + stand_in());
}

TEST_F(BrokerBody, AnotherOriginIsNotSearchedForIt) {
  add("both", {"api.github.com", "api.stripe.com"}, {}, "for-both-0123");
  start();
  const std::string value = "Bearer " + stand_in(0);
  request("api.github.com", "/", {{"Authorization", value}});
  ASSERT_EQ(authorization(), "Bearer for-both-0123");
  EXPECT_EQ(answer("for-both-0123"), stand_in(0));
  request("api.stripe.com", "/", {});
  EXPECT_EQ(answer("for-both-0123"), "for-both-0123");
}

}  // namespace
}  // namespace standin::broker
