#include "broker/credential.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace standin::broker {
namespace {

using namespace std::string_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// what() of the broker's Error that `act` throws.
template <class Act>
std::string refusal(Act&& act, Error::Kind kind = Error::Kind::bad_scope) {
  try {
    act();
    return "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind);
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    return error.what();
  }
}

std::string site_refusal(std::string_view text) {
  return refusal([&] { Site::parse(text); });
}
std::string origin_refusal(std::string_view text) {
  return refusal([&] { parse_origin(text); });
}
std::string variable_refusal(std::string_view text) {
  return refusal([&] { parse_variable(text); });
}
std::string glob_refusal(std::string_view text) {
  return refusal([&] { parse_command_glob(text); });
}
std::string scope_refusal(const std::string& scope) {
  return refusal([&] { Credential::from_scope("github", scope); }, Error::Kind::bad_record);
}

Credential github() {
  return {.name = "github",
          .provider = "github",
          .origins = {parse_origin("api.github.com"), parse_origin("*.example.com:8443"),
                      parse_origin("http://localhost:8080")},
          .sites = {Site{}, Site::parse("header:X-Token"), Site::parse("query:key"), Site::parse("basic"),
                    Site::parse("basic-form"), Site::parse("path")},
          .variables = {"GITHUB_TOKEN", "GH_TOKEN"},
          .commands = {"@modelcontextprotocol/server-github", "ünïcode-*"},
          .shape = {.prefix = "ghp_", .alphabet = "alnum", .length = 36}};
}

/// The scope of github() with one member replaced.
std::string scope_with(const std::string& key, const nlohmann::json& value) {
  auto scope = nlohmann::json::parse(github().to_scope());
  scope[key] = value;
  return scope.dump();
}

bool is_for(std::string_view glob, std::vector<std::string> command) { return is_for_command(glob, command); }

TEST(Site, ReadsEveryKindAndWritesItBack) {
  for (const char* text : {"authentication", "header:X-Token", "basic", "basic-form", "query:api_key", "path",
                           "form:client_secret", "form:auth[token]", "form:a:b", "json:/auth/token",
                           "json:/items/0/a~1b~0", "json:/", "ws-text"})
    EXPECT_EQ(Site::parse(text).to_string(), text);
  EXPECT_EQ(Site{}, Site::parse("authentication"));
  EXPECT_EQ(Site::parse("header:X-Token").name, "X-Token");
  EXPECT_EQ(Site::parse("query:a.b").kind, Site::Kind::query);
}

TEST(Site, FormFieldIsAnyVisibleText) {
  for (const auto& name : {""s, "a b"s, "a\r\n"s, "é"s, std::string(129, 'a')})
    EXPECT_THAT(site_refusal("form:" + name), HasSubstr("does not have the name of a form's field")) << name;
  EXPECT_THAT(site_refusal("form"), HasSubstr("does not have the name of a form's field"));
}

TEST(Site, JsonSiteIsAPointer) {
  for (const auto& pointer :
       {""s, "a.b"s, "token"s, "$.token"s, "/a~"s, "/a~2"s, "/a b"s, "/é"s, std::string(129, '/')})
    EXPECT_THAT(site_refusal("json:" + pointer), HasSubstr("does not have a JSON pointer")) << pointer;
}

TEST(Site, UnknownKindsAreRefused) {
  for (const char* text : {"", "cookie:a", "Header:X", "Basic", "basic:x", "path:/x", "authentication:x", ":",
                           "body", "ws-text:x", "ws"})
    EXPECT_THAT(site_refusal(text), HasSubstr("is of no known kind")) << text;
}

TEST(Site, NameMustBeAToken) {
  for (const auto& name :
       {""s, "a b"s, "a:b"s, "a\r\nX: y"s, "a\0"s, "é"s, "(a)"s, "a,b"s, std::string(129, 'a')}) {
    EXPECT_THAT(site_refusal("header:" + name), HasSubstr("does not have the name of a field")) << name;
    EXPECT_THAT(site_refusal("query:" + name), HasSubstr("does not have the name of a field")) << name;
  }
  EXPECT_THAT(site_refusal("header"), HasSubstr("does not have the name of a field"));
  EXPECT_LT(site_refusal("header:" + std::string(1 << 20, 'a')).size(), 250U);
}

TEST(Site, FieldsThatFrameTheMessageCarryNoSecret) {
  for (const char* name :
       {"Host", "content-length", "Transfer-Encoding", "CONNECTION", "Proxy-Authorization", "te"})
    EXPECT_THAT(site_refusal("header:"s + name), HasSubstr("frames or routes the message")) << name;
  EXPECT_EQ(Site::parse("query:host").name, "host");
}

TEST(ParseOrigin, WildcardOverAPublicSuffixIsRefused) {
  for (const char* text : {"*.com", "*.co.uk", "*.github.io", "*.COM", "https://*.com", "*.com.",
                           "*.com:8443", "*.uk", "*.localhost", "*.corp", "*.s3.amazonaws.com", "*.公司.cn",
                           "*.xn--55qx5d.cn", "*.ck", "*.anything.ck", "*.vercel.app", "http://*.local:80"})
    EXPECT_THAT(origin_refusal(text), HasSubstr("has a wildcard over a public suffix")) << text;
}

TEST(ParseOrigin, OtherWildcardsAndExactNamesPass) {
  for (const char* text :
       {"*.example.com", "*.example.co.uk", "*.me.github.io", "*.www.ck", "localhost", "intranet", "com",
        "github.io", "127.0.0.1", "[::1]:8443", "http://localhost:8080"})
    EXPECT_NO_THROW(parse_origin(text)) << text;
}

TEST(ParseOrigin, BadOriginIsABadScopeThatKeepsTheHint) {
  EXPECT_THAT(origin_refusal("https://a.example/path"), HasSubstr("has a path in it"));
  EXPECT_THAT(origin_refusal("*.\x1b[31mcom"), Not(HasSubstr("\x1b")));
  try {
    parse_origin("a b");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.hint(), HasSubstr("api.example.com"));
  }
}

TEST(ParseVariable, NamesPass) {
  for (const char* name :
       {"GITHUB_TOKEN", "_x", "a1", "PATHS", "MY_LD_PRELOAD", "HOMEBREW_GITHUB_API_TOKEN", "LDAP"})
    EXPECT_EQ(parse_variable(name), name);
}

TEST(ParseVariable, WhatIsNoNameIsRefused) {
  for (const auto& name :
       {""s, "1A"s, "A-B"s, "A B"s, "A=B"s, "A\0"s, "Ä"s, "A\n"s, "$A"s, std::string(257, 'A')})
    EXPECT_THAT(variable_refusal(name), HasSubstr("is not a name of letters")) << name;
}

TEST(ParseVariable, WhatStandinSetsOrTheSystemNeedsIsRefused) {
  for (const char* name : {"HTTPS_PROXY",
                           "https_proxy",
                           "http_proxy",
                           "Http_Proxy",
                           "all_proxy",
                           "NO_PROXY",
                           "ws_proxy",
                           "SSL_CERT_FILE",
                           "SSL_CERT_DIR",
                           "NODE_EXTRA_CA_CERTS",
                           "NODE_OPTIONS",
                           "REQUESTS_CA_BUNDLE",
                           "CURL_CA_BUNDLE",
                           "GIT_SSL_CAINFO",
                           "JAVA_TOOL_OPTIONS",
                           "WGETRC",
                           "PHP_INI_SCAN_DIR",
                           "DENO_CERT",
                           "STANDIN_KEY",
                           "STANDIN_HOME",
                           "standin_x",
                           "LD_PRELOAD",
                           "LD_LIBRARY_PATH",
                           "DYLD_INSERT_LIBRARIES",
                           "PATH",
                           "HOME",
                           "TERM",
                           "PERL_LWP_ENV_PROXY",
                           "NODE_USE_ENV_PROXY",
                           "NIX_SSL_CERT_FILE"})
    EXPECT_THAT(variable_refusal(name), HasSubstr("can't hold a stand-in")) << name;
}

TEST(ParseCommandGlob, PrintableTextPasses) {
  for (const char* glob : {"gh", "@modelcontextprotocol/*", "my tool ?", "ünïcode", "/usr/bin/gh"})
    EXPECT_EQ(parse_command_glob(glob), glob);
}

TEST(ParseCommandGlob, UnprintableOrOversizedIsRefused) {
  for (const auto& glob :
       {""s, "a\n"s, "a\x1b[2J"s, "a\0b"s, "a\x7f"s, "\xff"s, "\xc3"s, "\xc0\xaf"s, "\xed\xa0\x80"s,
        "\xf4\x90\x80\x80"s, "\xe0\x80\xaf"s, "\xc2\x9b"s, std::string(257, 'a')})
    EXPECT_THAT(glob_refusal(glob), HasSubstr("is not 1 to 256 printable characters")) << glob;
}

TEST(ParseCommandGlob, GlobForEverythingIsRefused) {
  for (const char* glob : {"*", "**", "?*", "* *", "?", " "})
    EXPECT_THAT(glob_refusal(glob), HasSubstr("is for every command")) << glob;
}

TEST(Credential, ScopeSurvivesTheVault) {
  const Credential before = github();
  const Credential after = Credential::from_scope("github", before.to_scope());
  EXPECT_EQ(after.name, "github");
  EXPECT_EQ(after.provider, before.provider);
  EXPECT_EQ(after.origins, before.origins);
  EXPECT_EQ(after.sites, before.sites);
  EXPECT_EQ(after.variables, before.variables);
  EXPECT_EQ(after.commands, before.commands);
  EXPECT_EQ(after.shape, before.shape);
  EXPECT_EQ(after.to_scope(), before.to_scope());
}

TEST(Credential, ScopeDoesNotHoldTheName) {
  EXPECT_EQ(Credential::from_scope("other", github().to_scope()).name, "other");
}

TEST(Credential, UnknownMembersOfTheScopeAreIgnored) {
  EXPECT_NO_THROW(Credential::from_scope("github", scope_with("added_later", {1, 2, 3})));
}

TEST(Credential, ScopeOfAnotherVersionIsRefused) {
  EXPECT_EQ(scope_refusal(scope_with("version", 2)),
            "can't read the scope of credential \"github\": its format is version 2, and this standin reads "
            "version 1");
  for (const auto& version :
       {nlohmann::json("1"), nlohmann::json(nullptr), nlohmann::json(1.0), nlohmann::json(true)})
    EXPECT_THAT(scope_refusal(scope_with("version", version)), HasSubstr("it has no version")) << version;
  EXPECT_THAT(scope_refusal("{}"), HasSubstr("it has no version"));
}

TEST(Credential, ScopeThatIsNoScopeIsRefused) {
  for (const auto& scope :
       {""s, "null"s, "[]"s, "{"s, "\0"s, "{\"version\":1}{}"s, std::string(60000, '['), "\"\xff\""s})
    EXPECT_THAT(scope_refusal(scope), HasSubstr("it is not a JSON object"));
  EXPECT_THAT(scope_refusal(std::string(65537, ' ')), HasSubstr("it is over 64 KiB"));
}

TEST(Credential, EveryMemberOfTheScopeIsNeededAndTyped) {
  const auto scope = nlohmann::json::parse(github().to_scope());
  for (const auto& [key, value] : scope.items()) {
    if (key == "version") continue;
    auto without = scope;
    without.erase(key);
    EXPECT_THAT(scope_refusal(without.dump()), HasSubstr("missing or of the wrong type")) << key;
    EXPECT_THAT(scope_refusal(scope_with(key, 7)), HasSubstr("missing or of the wrong type")) << key;
    EXPECT_THAT(scope_refusal(scope_with(key, {7})), HasSubstr("missing or of the wrong type")) << key;
  }
}

TEST(Credential, MembersOfTheScopeAreJudgedAsFlagsAre) {
  EXPECT_THAT(scope_refusal(scope_with("origins", {"a b"})), HasSubstr("a character that no host name has"));
  EXPECT_THAT(scope_refusal(scope_with("origins", nlohmann::json::array())), HasSubstr("it has no origin"));
  EXPECT_THAT(scope_refusal(scope_with("sites", nlohmann::json::array())), HasSubstr("it has no site"));
  EXPECT_THAT(scope_refusal(scope_with("sites", {"json:x"})), HasSubstr("JSON pointer"));
  EXPECT_THAT(scope_refusal(scope_with("variables", {"PATH"})), HasSubstr("can't hold a stand-in"));
  EXPECT_THAT(scope_refusal(scope_with("commands", {"\n"})), HasSubstr("printable"));
  EXPECT_THAT(scope_refusal(scope_with("variables", std::vector<std::string>(1001, "A"))),
              HasSubstr("over 1000 entries"));
  for (const nlohmann::json& length : {nlohmann::json(-1), nlohmann::json(1e300), nlohmann::json(1025),
                                       nlohmann::json(36.5), nlohmann::json(18446744073709551615U)})
    EXPECT_THAT(scope_refusal(scope_with("shape", {{"prefix", ""}, {"alphabet", "hex"}, {"length", length}})),
                HasSubstr("its shape is out of bounds"))
        << length;
}

TEST(Credential, IsBoundToItsOriginsOnly) {
  const Credential credential = github();
  const auto bound = [&](std::string_view authority, proxy::Scheme scheme = proxy::Scheme::https) {
    return credential.is_bound_to(proxy::Origin::from_authority(scheme, authority).value());
  };
  EXPECT_TRUE(bound("API.github.com."));
  EXPECT_TRUE(bound("a.example.com:8443"));
  EXPECT_TRUE(bound("localhost:8080", proxy::Scheme::http));
  EXPECT_FALSE(bound("localhost:8080"));
  EXPECT_FALSE(bound("api.github.com", proxy::Scheme::http));
  EXPECT_FALSE(bound("api.github.com:80", proxy::Scheme::https));
  EXPECT_FALSE(bound("api.github.com.evil.example"));
  EXPECT_FALSE(bound("a.example.com"));
}

TEST(IsForCommand, PackageIsFoundInAnyArgumentWhateverItsVersion) {
  const std::string_view package = "@modelcontextprotocol/server-github";
  EXPECT_TRUE(is_for(package, {"npx", "-y", "@modelcontextprotocol/server-github"}));
  EXPECT_TRUE(is_for(package, {"npx", "-y", "@modelcontextprotocol/server-github@2025.4.8"}));
  EXPECT_TRUE(is_for(package, {"npx", "-y", "@modelcontextprotocol/server-github@latest"}));
  EXPECT_TRUE(is_for(package, {"npx", "-y", "@modelcontextprotocol/server-github@^1.2.0-beta.1"}));
  EXPECT_TRUE(is_for(package, {"deno", "run", "npm:@modelcontextprotocol/server-github@1"}));
  EXPECT_FALSE(is_for(package, {"npx", "-y", "@modelcontextprotocol/server-gitlab"}));
  EXPECT_FALSE(is_for(package, {"npx", "-y", "@evil/server-github"}));
  EXPECT_FALSE(is_for(package, {"npx", "-y", "@modelcontextprotocol/server-github-evil"}));
  EXPECT_FALSE(is_for(package, {"npx", "-y", "x@modelcontextprotocol/server-github"}));
}

TEST(IsForCommand, PythonPackagesAndImagesHaveVersionsToo) {
  for (const char* word : {"mcp-server-x", "mcp-server-x==1.2", "mcp-server-x>=1.2", "mcp-server-x~=1",
                           "mcp-server-x@1.2", "mcp-server-x[cli]", "mcp-server-x[cli]==1.2.*"})
    EXPECT_TRUE(is_for("mcp-server-x", {"uvx", word})) << word;
  for (const char* word :
       {"ghcr.io/github/github-mcp-server", "ghcr.io/github/github-mcp-server:1.0",
        "ghcr.io/github/github-mcp-server:latest", "ghcr.io/github/github-mcp-server@sha256:0123abc",
        "ghcr.io/github/github-mcp-server:v1.0@sha256:0123abc"})
    EXPECT_TRUE(is_for("ghcr.io/github/github-mcp-server", {"docker", "run", word})) << word;
  EXPECT_TRUE(is_for("localhost:5000/tool", {"docker", "run", "localhost:5000/tool"}));
  EXPECT_TRUE(is_for("localhost:5000/tool", {"docker", "run", "localhost:5000/tool:2"}));
  EXPECT_TRUE(is_for("tool@1.*", {"npx", "tool@1.5"}));
  EXPECT_FALSE(is_for("tool@1.*", {"npx", "tool@2.5"}));
}

TEST(IsForCommand, ProgramIsFoundByItsBaseName) {
  EXPECT_TRUE(is_for("gh", {"gh", "pr", "list"}));
  EXPECT_TRUE(is_for("gh", {"/usr/bin/gh"}));
  EXPECT_TRUE(is_for("/usr/bin/gh", {"/usr/bin/gh"}));
  EXPECT_FALSE(is_for("gh", {"/usr/bin/ghx"}));
  EXPECT_FALSE(is_for("gh", {"/gh/run"}));
  EXPECT_FALSE(is_for("gh", {"cat", "/usr/bin/gh"}));
  EXPECT_FALSE(is_for("gh", {}));
  EXPECT_FALSE(is_for("gh", {""}));
  EXPECT_FALSE(is_for("gh", {"/"}));
}

TEST(IsForCommand, OptionsAndAddressesAreNotVersions) {
  EXPECT_FALSE(is_for("--token", {"tool", "--token=abc"}));
  EXPECT_FALSE(is_for("gh", {"ssh", "gh@host/path"}));
  EXPECT_FALSE(is_for("gh", {"tool", "gh: what"}));
  EXPECT_FALSE(is_for("gh", {"tool", "gh@"}));
  EXPECT_FALSE(is_for("", {"tool", "@1.0"}));
}

TEST(IsForCommand, StarAndQuestionMarkAreAllThatIsSpecial) {
  EXPECT_TRUE(is_for("@scope/*", {"npx", "@scope/a/b"}));
  EXPECT_TRUE(is_for("mcp-?-*", {"mcp-a-", "x"}));
  EXPECT_FALSE(is_for("mcp-?-*", {"mcp--a"}));
  EXPECT_TRUE(is_for("*b*c", {"abcbc"}));
  EXPECT_FALSE(is_for("[a]", {"a"}));
  EXPECT_TRUE(is_for("[a]", {"[a]"}));
  EXPECT_TRUE(is_for("a\\*", {"a\\b"}));
  EXPECT_FALSE(is_for("{a,b}", {"a"}));
  EXPECT_FALSE(is_for("GH", {"gh"}));
}

TEST(IsForCommand, WildcardsDoNotCrossASpace) {
  EXPECT_FALSE(is_for("npx*server", {"sh", "-c", "npx -y server"}));
  EXPECT_FALSE(is_for("*gh", {"sh", "-c", "exec gh"}));
  EXPECT_FALSE(is_for("gh*", {"git", "commit", "-m", "gh is great"}));
  EXPECT_TRUE(is_for("npx * server", {"sh", "-c", "npx -y server"}));
  EXPECT_FALSE(is_for("npx?server", {"npx server"}));
  EXPECT_TRUE(is_for("*a a*b", {"xa axb"}));
  EXPECT_FALSE(is_for("*a a*b", {"a a ab"}));
}

TEST(IsForCommand, HostileGlobTakesNoLongTime) {
  std::string glob;
  for (int i = 0; i < 127; ++i) glob += "*a";
  EXPECT_FALSE(is_for(glob + "b", {std::string(100000, 'a')}));
}

}  // namespace
}  // namespace standin::broker
