#include "injector_fixture.h"

namespace standin::broker {
namespace {

constexpr std::string_view token = "ghp_standinAbC123xyz";

Playbook github() {
  Playbook play;
  play.credential("github", "api.github.com", {Site{}, Site::parse("query:key")}, std::string(token), "real");
  return play;
}

TEST(InjectorMethod, NoSecretGoesIntoARequestThatTheOriginSendsBack) {
  auto play = github();
  for (const std::string_view method : {"TRACE", "trace", "TRACK"}) {
    play.method = method;
    play.request("/", {{"X-Api-Key", token}});
    EXPECT_EQ(play.code(), "denied_by_rule") << method;
    play.request("/?key=ghp_standinAbC123xyz", {});
    EXPECT_EQ(play.code(), "denied_by_rule") << method;
    EXPECT_THAT(play.lent, ::testing::IsEmpty());
  }
}

TEST(InjectorMethod, InertTextMayComeBack) {
  auto play = github();
  play.method = "TRACE";
  play.request("/", {{"X-Note", token}});
  EXPECT_EQ(play.code(), "");
  EXPECT_EQ(play.field("X-Note"), token);
}

TEST(InjectorMethod, WrongOriginGoesFirst) {
  auto play = github();
  play.method = "TRACE";
  play.request("/", {{"X-Api-Key", token}}, "api.stripe.com");
  EXPECT_EQ(play.code(), "wrong_origin");
}

}  // namespace
}  // namespace standin::broker
