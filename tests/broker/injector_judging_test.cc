#include "tests/broker/injector_fixture.h"

// Who may use what, where: judged with no secret at hand.

namespace standin::broker {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(Injector, RefusesAStandInTowardsAnotherOrigin) {
  auto play = github();
  const std::string basic = "Basic " + base64("x:" + std::string(token));
  for (const proxy::Field& field : std::vector<proxy::Field>{
           {"Authorization", token}, {"X-API-KEY", "ghp%5FstandinAbC123xyz"}, {"Authorization", basic}}) {
    play.request("/", {field}, "api.stripe.com");
    EXPECT_EQ(play.code(), "wrong_origin");
    EXPECT_EQ(play.refusal->status, 403U);
    EXPECT_THAT(play.refusal->message, HasSubstr("\"github\""));
    EXPECT_THAT(play.refusal->message, HasSubstr("https://api.stripe.com"));
    EXPECT_THAT(play.refusal->message, HasSubstr("belongs to api.github.com"));
    EXPECT_THAT(play.refusal->hint,
                HasSubstr("standin edit github --origin api.github.com --origin https://api.stripe"));
    EXPECT_EQ(play.field(field.name), field.value);
    EXPECT_THAT(play.lent, IsEmpty());
  }
}

TEST(Injector, RefusesASiteOfTheCredentialTowardsAnotherOrigin) {
  auto play = github("real", {header_site("X-Mine"), query_site("key"), path_site()});
  for (const auto& [target, value] : std::vector<std::pair<std::string, std::string>>{
           {"/", token}, {"/?key=" + std::string(token), ""}, {"/" + std::string(token), ""}}) {
    play.request(target, {{"X-Mine", value}}, "api.stripe.com");
    EXPECT_EQ(play.code(), "wrong_origin") << target;
  }
}

TEST(Injector, RefusesAnAuthenticationFieldThatIsNotAmongTheSites) {
  auto play = github("real", {header_site("X-Mine")});
  play.request("/", {{"X-Api-Key", token}});
  EXPECT_EQ(play.code(), "wrong_site");
  EXPECT_THAT(play.refusal->message,
              HasSubstr("stands in header:X-Api-Key, but its sites are header:X-Mine"));
  EXPECT_THAT(play.refusal->hint,
              HasSubstr("standin edit github --site header:X-Mine --site header:X-Api-Key"));
  const std::string basic = "Basic " + base64(token);
  play.request("/", {{"Authorization", basic}});
  EXPECT_EQ(play.code(), "wrong_site");
  EXPECT_THAT(play.refusal->hint, HasSubstr("--site basic"));
}

TEST(Injector, PutsNoSecretIntoARequestThatTheOriginSendsBack) {
  auto play = github("real", {Site{}, query_site("key")});
  for (const std::string_view method : {"TRACE", "trace", "TRACK"}) {
    play.method = method;
    for (const auto& request :
         {std::pair{"/", "X-Api-Key"}, std::pair{"/?key=ghp_standinAbC123xyz", "X-Note"}}) {
      play.request(request.first, {{request.second, token}});
      EXPECT_EQ(play.code(), "denied_by_rule") << method;
      EXPECT_THAT(play.lent, testing::IsEmpty());
    }
    play.request("/", {{"X-Note", token}});
    EXPECT_EQ(play.code(), "") << "inert text may come back";
    play.request("/", {{"X-Api-Key", token}}, "api.stripe.com");
    EXPECT_EQ(play.code(), "wrong_origin");
  }
}

TEST(Injector, KeepsACredentialForBasicOutOfABearer) {
  auto play = github("real", {basic_site()});
  play.request("/", {{"Authorization", "Bearer ghp_standinAbC123xyz"}});
  EXPECT_EQ(play.code(), "wrong_site");
  const std::string basic = "Basic " + base64(token);
  play.request("/", {{"Authorization", basic}});
  EXPECT_EQ(user_pass(play), "real");
}

TEST(Injector, RefusesTheWholeRequestForOneStandInOfMany) {
  auto play = github();
  play.credential("stripe", "api.stripe.com", {}, "sk_standin_123", "2");
  play.request("/", {{"Authorization", token}, {"X-Api-Key", "sk_standin_123"}});
  EXPECT_EQ(play.code(), "wrong_origin");
  EXPECT_THAT(play.refusal->message, HasSubstr("\"stripe\""));
  EXPECT_EQ(play.field("Authorization"), token);
  EXPECT_THAT(play.lent, IsEmpty());
}

TEST(Injector, NeverShowsAStandInOrASecretInARefusal) {
  auto play = github("re\nal-secret", {header_site("X-Mine")});
  const auto clean = [&] {
    const std::string all = play.refusal->message + play.refusal->hint + play.refusal->code;
    EXPECT_THAT(all, Not(HasSubstr("standinAbC")));
    EXPECT_THAT(all, Not(HasSubstr("al-secret")));
  };
  play.request("/", {{"X-Mine", token}}, "evil.example");
  clean();
  play.request("/", {{"X-Api-Key", token}});
  clean();
  play.request("/", {{"X-Mine", token}});
  EXPECT_EQ(play.code(), "secret_unusable");
  clean();
}

TEST(Injector, JudgesSchemeAndPortOfAnOrigin) {
  auto play = github();
  play.request("/", {{"Authorization", token}}, "api.github.com:8443");
  EXPECT_EQ(play.code(), "wrong_origin");
}

}  // namespace
}  // namespace standin::broker
