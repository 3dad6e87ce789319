// Which bodies are looked at at all, and what is judged before a secret is asked for.
#include "tests/broker/body_fixture.h"

namespace standin::broker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

const std::vector<std::string> both = {"form:t", "json:/t"};

TEST(BodySwapper, ReadsFormsAndJson) {
  auto play = github_body(both);
  for (const char* type :
       {"application/x-www-form-urlencoded", "Application/X-WWW-Form-URLEncoded ; charset=UTF-8",
        "application/json", "application/json;charset=\"utf-8\"", "application/json;",
        "application/vnd.api+json", "image/x+JSON", "multipart/form-data; boundary=x",
        "multipart/form-data; a=b; Boundary=\"a b:c\""})
    EXPECT_TRUE(play.make(type)) << type;
}

TEST(BodySwapper, OtherBodiesAreNotLookedAt) {
  auto play = github_body(both);
  for (const char* type :
       {"", "text/plain", "application/jsonx", "application/x-ndjson", "json", "+json", "text/json",
        "application/json, text/plain", "application/json charset=utf-8",
        "application/json; =", "application/json;a", "multipart/form-data",
        "multipart/form-data; boundary=", "multipart/form-data; boundary=\"a \"",
        "multipart/form-data; boundary=a; boundary=b", "multipart/form-data; boundary=a\\b",
        "multipart/mixed; boundary=a", "multipart/form-data; boundary=\"a\\b\""})
    EXPECT_FALSE(play.make(type)) << type;
  EXPECT_FALSE(play.make("multipart/form-data; boundary=" + std::string(71, 'a')));
}

TEST(BodySwapper, TwoContentTypesAreNone) {
  auto play = github_body(both);
  play.fields = {{"Content-Type", "application/json"}};
  EXPECT_FALSE(play.make("application/json"));
  EXPECT_TRUE(play.make(""));
}

TEST(BodySwapper, BodyInACodingThatIsNotReadPasses) {
  using Codings = BodySwap::Codings;
  auto play = github_body(both);
  play.fields = {{"content-encoding", "compress"}};
  EXPECT_FALSE(play.make("application/json"));
  play.fields = {{"content-encoding", "gzip"}, {"Content-Encoding", "x-other"}};
  EXPECT_FALSE(play.make("application/json"));
  play.fields = {{"content-encoding", "gzip"}};
  EXPECT_EQ(play.make("application/json")->codings, Codings::undone);
  play.fields = {{"Content-Encoding", "identity"}};
  EXPECT_EQ(play.make("application/json")->codings, Codings::as_they_are);
}

TEST(BodySwapper, MethodThatIsEchoedGetsNothing) {
  auto play = github_body(both);
  for (const char* method : {"TRACE", "track"}) {
    play.method = method;
    EXPECT_FALSE(play.make("application/json")) << method;
  }
  play.method = "PATCH";
  EXPECT_TRUE(play.make("application/json"));
}

TEST(BodySwapper, WithoutASiteOfThatKindTheBodyIsNotLookedAt) {
  EXPECT_FALSE(github_body({"json:/t", "query:t", "authentication"}).make(BodyPlay::urlencoded));
  EXPECT_FALSE(github_body({"json:/t"}).make("multipart/form-data; boundary=B"));
  EXPECT_FALSE(github_body({"form:t", "ws-text"}).make("application/json"));
  EXPECT_FALSE(github_body(both).make_text());
  EXPECT_TRUE(github_body({"ws-text"}).make_text());
}

TEST(BodySwapper, SecretIsNotAskedForBeforeItsUseWasLetGo) {
  auto play = github_body(both);
  play.veto = proxy::Refusal{503, "audit_unavailable", "", ""};
  EXPECT_EQ(play.form(with_token("a=b&t=@&c=d")), "refused: audit_unavailable");
  EXPECT_EQ(proxy::view(play.sent), "a=b&t=");
  EXPECT_THAT(play.uses, ElementsAre("form:t"));
  EXPECT_THAT(play.refusals, IsEmpty()) << "who refused has recorded it";
}

TEST(BodySwapper, StandInInItsSiteTowardsAnotherOriginIsRefused) {
  BodyPlay play;
  play.credential("here", "api.github.com", {"form:t", "json:/t"}, "standin_here", "A");
  play.credential("there", "api.example.com", {"form:t", "json:/u"}, "standin_there", "B");
  EXPECT_EQ(play.form("t=standin_here&t=standin_there"), "refused: wrong_origin");
  EXPECT_EQ(proxy::view(play.sent), "t=A&t=");
  ASSERT_THAT(play.refusals, SizeIs(1));
  EXPECT_EQ(play.refusals[0].stands.index, 1U);
  EXPECT_EQ(play.refusals[0].stands.site, "form:t");
  EXPECT_EQ(play.refusals[0].refusal.status, 403U);
  EXPECT_THAT(play.refusals[0].refusal.message, HasSubstr("belongs to api.example.com"));
  EXPECT_THAT(play.refusals[0].refusal.message, Not(HasSubstr("standin_there")));

  EXPECT_EQ(play.json(R"({"u": "standin_there"})"), "refused: wrong_origin");
  EXPECT_EQ(play.json(R"({"t": "standin_there"})"), R"({"t": "standin_there"})") << "no site of its own";
}

// As in a query: its own site is enough, whoever else has one here.
TEST(BodySwapper, BodyThatCanOnlyBeRefusedKeepsItsLength) {
  BodyPlay play;
  play.credential("here", "api.github.com", {"authentication"}, "standin_here", "A");
  play.credential("there", "api.example.com", {"form:t"}, "standin_there", "B");
  ASSERT_TRUE(play.make(BodyPlay::urlencoded));
  EXPECT_EQ(play.make(BodyPlay::urlencoded)->length, BodySwap::Length::kept);
  EXPECT_EQ(play.form("t=standin_there"), "refused: wrong_origin");
  EXPECT_EQ(play.form("u=standin_there"), "u=standin_there");
  play.host = "api.example.com";
  EXPECT_EQ(play.make(BodyPlay::urlencoded)->length, BodySwap::Length::may_change);
}

TEST(BodySwapper, SecretThatThePlaceCannotCarryIsRefused) {
  auto json = github_body({"json:/t"}, "a\xff");
  EXPECT_EQ(json.json(with_token(R"({"t": "@"})")), "refused: secret_unusable");
  EXPECT_EQ(proxy::view(json.sent), R"({"t": ")") << "nothing of the secret";
  ASSERT_THAT(json.refusals, SizeIs(1));
  EXPECT_EQ(json.refusals[0].refusal.status, 502U);
  EXPECT_THAT(json.refusals[0].refusal.message, HasSubstr("is not UTF-8, which json:/t cannot carry"));
}

TEST(BodySwapper, ScopeOfABodyIsTheOneItBeganWith) {
  std::optional<BodySwap> swap;
  auto play = std::make_unique<BodyPlay>(github_body({"form:t"}));
  Credential credential;
  credential.name = "github";
  credential.origins = {proxy::OriginPattern::parse("api.github.com")};
  credential.sites = {Site::parse("form:t")};
  {
    const std::vector<BoundStandIn> bound = {{&credential, body_token}};
    const BodySwapper swapper(bound);
    proxy::RequestHead head;
    head.method = "POST";
    head.fields = {{"Content-Type", BodyPlay::urlencoded}};
    swap = swapper.swap(proxy::Origin::from_authority(proxy::Scheme::https, "api.github.com").value(), head,
                        play->calls());
  }
  credential = {};
  const std::string body = with_token("t=@");
  EXPECT_EQ(play->run(*swap->transform, {body}), "t=real");
}

TEST(TextSwap, SwapsAnywhereInATextMessage) {
  auto play = github_body({"ws-text"}, "s3cr/t+=");
  const auto said = [&](std::string_view text) {
    auto swap = play.make_text();
    return play.run(*swap->transform, {text});
  };
  EXPECT_EQ(said(with_token(R"({"op":2,"d":{"token":"@"}})")), R"({"op":2,"d":{"token":"s3cr/t+="}})");
  EXPECT_EQ(said(R"({"t":"\u0067hp_standinAbC123xyz"})"), R"({"t":"s3cr/t+="})");
  EXPECT_EQ(said(with_token("AUTH @\n")), "AUTH s3cr/t+=\n");
  EXPECT_THAT(play.uses, ElementsAre("ws-text"));
}

// Whether it is JSON is not known: what would have to be escaped there can't be put in.
TEST(TextSwap, SecretThatCouldBreakTheTextIsRefused) {
  for (const char* secret : {"a\"b", "a\\b", "a\nb", "a\xff"}) {
    auto play = github_body({"ws-text"}, secret);
    auto swap = play.make_text();
    EXPECT_EQ(play.run(*swap->transform, {body_token}), "refused: secret_unusable") << secret;
  }
}

}  // namespace
}  // namespace standin::broker
