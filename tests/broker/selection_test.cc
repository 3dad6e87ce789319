#include "broker/selection.h"

#include "tests/broker/broker_fixture.h"

namespace standin::broker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class SelectionTest : public BrokerRun {
 protected:
  SelectionTest() {
    add("b-plain", {"b.example"}, {}, "s", {"B_TOKEN"});
    add("a-globbed", {"a.example"}, {}, "s", {"TOKEN"});
    Credential globbed = scope("a-globbed", {"a.example"}, {});
    globbed.variables = {"TOKEN"};
    globbed.commands = {"@my/server-*"};
    vault_->replace_scope("a-globbed", globbed.to_scope());
    Credential github = scope("work", {"api.github.com"}, {});
    github.provider = "github";
    github.variables = {"GITHUB_TOKEN"};
    const std::string_view secret = "s";
    vault_->add("work", github.to_scope(), vault::Secret::copy_of(std::as_bytes(std::span(secret))));
  }

  std::vector<std::string> select(const Selection& selection, std::vector<std::string> command = {"true"}) {
    chosen_ = select_credentials(*vault_, selection, command);
    std::vector<std::string> names;
    for (const auto& credential : chosen_) names.push_back(credential.name);
    return names;
  }
  /// The text and hint of what it throws.
  std::string fails(Error::Kind kind, const Selection& selection,
                    std::vector<std::string> command = {"true"}) {
    try {
      select(selection, std::move(command));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind);
      return std::string(error.what()) + " | " + error.hint();
    }
    return "nothing was thrown";
  }

  std::vector<Credential> chosen_;
};

TEST_F(SelectionTest, WithTakesExactlyThoseNamed) {
  EXPECT_THAT(select({.with = {"work", "b-plain", "work"}}), ElementsAre("b-plain", "work"));
  EXPECT_THAT(select({.with = {"b-plain"}}, {"npx", "@my/server-x"}), ElementsAre("b-plain"));
}

TEST_F(SelectionTest, AllTakesAll) {
  EXPECT_THAT(select({.all = true}), ElementsAre("a-globbed", "b-plain", "work"));
}

TEST_F(SelectionTest, ElseThoseMeantForTheCommandByGlobOrProvider) {
  EXPECT_THAT(select({}, {"npx", "-y", "@my/server-x@1.2.3"}), ElementsAre("a-globbed"));
  EXPECT_THAT(select({}, {"npx", "-y", "@modelcontextprotocol/server-github"}), ElementsAre("work"));
  EXPECT_THAT(select({}, {"/usr/bin/gh", "pr"}), ElementsAre("work"));
}

TEST_F(SelectionTest, NeverSilentlyAll) {
  const auto text = fails(Error::Kind::no_credentials, {}, {"curl", "x"});
  EXPECT_THAT(text, HasSubstr("no credential is meant for \"curl\"; there are a-globbed, b-plain, work"));
  EXPECT_THAT(text, HasSubstr("--with NAME or --all"));
  EXPECT_THAT(text, HasSubstr("--for GLOB"));
}

TEST_F(SelectionTest, SaysThatAVaultIsEmpty) {
  for (const auto* name : {"a-globbed", "b-plain", "work"}) remove(name);
  EXPECT_THAT(fails(Error::Kind::no_credentials, {.all = true}), HasSubstr("the vault has no credentials"));
}

TEST_F(SelectionTest, SaysWhichNameItDoesNotKnow) {
  EXPECT_THAT(fails(Error::Kind::unknown_credential, {.with = {"b-plain", "nope"}}),
              HasSubstr("no credential named \"nope\""));
  EXPECT_THAT(fails(Error::Kind::unknown_credential, {.all = true, .variables = {{"X", "nope"}}}),
              HasSubstr("standin add nope"));
  EXPECT_THROW(select({.with = {"../x\n"}}), vault::Error);
}

TEST_F(SelectionTest, EnvAddsAVariableAndItsCredential) {
  EXPECT_THAT(select({.variables = {{"MY_TOKEN", "b-plain"}}}), ElementsAre("b-plain"));
  EXPECT_THAT(chosen_[0].variables, ElementsAre("B_TOKEN", "MY_TOKEN"));
  EXPECT_THAT(select({.with = {"work"}, .variables = {{"B_TOKEN", "b-plain"}}}),
              ElementsAre("b-plain", "work"));
  EXPECT_THAT(chosen_[0].variables, ElementsAre("B_TOKEN"));
  EXPECT_THAT(select({.variables = {{"X", "b-plain"}}}, {"gh"}), ElementsAre("b-plain", "work"));
}

TEST_F(SelectionTest, EnvTakesAVariableFromWhoeverElseHasIt) {
  select({.all = true, .variables = {{"GITHUB_TOKEN", "b-plain"}}});
  EXPECT_THAT(chosen_[1].variables, ElementsAre("B_TOKEN", "GITHUB_TOKEN"));
  EXPECT_TRUE(chosen_[2].variables.empty());
}

TEST_F(SelectionTest, EnvRefusesAVariableThatIsNotToBeSet) {
  for (const auto* variable : {"HTTPS_PROXY", "1X", "A=B", "", "STANDIN_KEY"}) {
    EXPECT_NE(fails(Error::Kind::bad_scope, {.variables = {{variable, "work"}}}), "nothing was thrown")
        << variable;
  }
}

TEST_F(SelectionTest, RefusesTwoCredentialsForOneVariable) {
  add("home", {"api.github.com"}, {}, "s", {"GITHUB_TOKEN"});
  const auto text = fails(Error::Kind::bad_scope, {.all = true});
  EXPECT_THAT(text, HasSubstr("both \"home\" and \"work\" would set GITHUB_TOKEN"));
  EXPECT_THAT(text, HasSubstr("--env GITHUB_TOKEN=NAME"));
  EXPECT_THAT(select({.all = true, .variables = {{"GITHUB_TOKEN", "home"}}}),
              ElementsAre("a-globbed", "b-plain", "home", "work"));
}

TEST_F(SelectionTest, AScopeOfALaterStandinIsInNobodysWayButItsOwn) {
  vault_->replace_scope("b-plain", "{\"format\":99}");
  EXPECT_THAT(select({.with = {"work"}}), ElementsAre("work"));
  EXPECT_THAT(fails(Error::Kind::bad_record, {.with = {"b-plain"}}), HasSubstr("b-plain"));
}

}  // namespace
}  // namespace standin::broker
