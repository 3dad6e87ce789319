#include "broker/catalogue.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace standin::broker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

vault::Secret secret(std::string_view text) {
  return vault::Secret::copy_of(std::as_bytes(std::span(text.data(), text.size())));
}

const Provider& provider(std::string_view name) {
  const Provider* found = find_provider(name);
  if (found == nullptr) throw std::runtime_error("no provider " + std::string(name));
  return *found;
}

/// The prefix of the shape that the token has, "none" where it has none.
std::string shape_prefix(std::string_view name, std::string_view token) {
  const auto shape = shape_of(secret(token), provider(name));
  return shape ? shape->prefix : "none";
}

std::string letters(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += "aB3dE5gH7k"[i % 10];
  return text;
}
std::string hex(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += "0123456789abcdef"[i % 16];
  return text;
}

bool is_for(const Provider& entry, const std::vector<std::string>& command) {
  return std::ranges::any_of(entry.commands, [&](const auto& glob) { return is_for_command(glob, command); });
}

TEST(Catalogue, HasItsProvidersByName) {
  std::vector<std::string> names;
  for (const Provider& entry : providers()) names.push_back(entry.name);
  EXPECT_THAT(names, ElementsAre("airtable", "anthropic", "brave-search", "figma", "github", "gitlab",
                                 "google-maps", "huggingface", "linear", "notion", "openai", "sentry",
                                 "slack", "stripe", "telegram"));
  for (const auto& name : names) EXPECT_EQ(find_provider(name)->name, name);
  for (const char* name : {"", "GitHub", "git", "githubb", "zzz", "a"})
    EXPECT_EQ(find_provider(name), nullptr) << name;
}

TEST(Catalogue, FilesSayAllMembersAndNoOthersAndAreNamedAsTheirEntry) {
  const std::set<std::string> members = {"name",     "title",  "origins",   "sites", "variables",
                                         "commands", "shapes", "token_url", "advice"};
  std::size_t files = 0;
  for (const auto& file : std::filesystem::directory_iterator(STANDIN_SOURCE_DIR "/broker/catalogue")) {
    std::ifstream in(file.path());
    const auto entry = nlohmann::json::parse(in);
    std::set<std::string> found;
    for (const auto& [key, value] : entry.items()) found.insert(key);
    EXPECT_EQ(found, members) << file.path();
    EXPECT_EQ(entry.at("name").get<std::string>() + ".json", file.path().filename()) << file.path();
    for (const auto& shape : entry.at("shapes")) EXPECT_EQ(shape.size(), 3U) << file.path();
    ++files;
  }
  EXPECT_EQ(files, providers().size());
}

TEST(Catalogue, EveryEntryIsACredentialThatFlagsCouldHaveGiven) {
  for (const Provider& entry : providers()) {
    SCOPED_TRACE(entry.name);
    Credential credential;
    ASSERT_NO_THROW(credential = from_provider("mine", entry));
    EXPECT_EQ(credential.name, "mine");
    EXPECT_EQ(credential.provider, entry.name);
    EXPECT_EQ(credential.origins.size(), entry.origins.size());
    EXPECT_THAT(credential.origins, Not(IsEmpty()));
    EXPECT_THAT(credential.sites, Not(IsEmpty()));
    EXPECT_THAT(credential.variables, Not(IsEmpty()));
    EXPECT_EQ(credential.commands, entry.commands);
    EXPECT_EQ(Credential::from_scope("mine", credential.to_scope()).to_scope(), credential.to_scope());
  }
}

TEST(Catalogue, OriginsAreHttpsNamesWithoutWildcards) {
  for (const Provider& entry : providers())
    for (const auto& origin : from_provider("mine", entry).origins) {
      EXPECT_EQ(origin.scheme(), proxy::Scheme::https) << origin.to_string();
      EXPECT_EQ(origin.port(), 443) << origin.to_string();
      EXPECT_FALSE(origin.is_wildcard()) << origin.to_string();
      EXPECT_NE(origin.host().find('.'), std::string::npos) << origin.to_string();
    }
}

TEST(Catalogue, TextsAreOneReadableLine) {
  for (const Provider& entry : providers()) {
    SCOPED_TRACE(entry.name);
    EXPECT_THAT(entry.name, MatchesRegex("[a-z0-9-]+"));
    EXPECT_THAT(entry.title, Not(IsEmpty()));
    EXPECT_THAT(entry.token_url, MatchesRegex("https://[a-z0-9.-]+(/[A-Za-z0-9/_.-]*)?"));
    EXPECT_THAT(entry.advice, MatchesRegex("[ -~]{20,120}[^.]"));
    EXPECT_TRUE(std::islower(static_cast<unsigned char>(entry.advice.front())));
  }
}

TEST(Catalogue, ShapesAreSane) {
  const std::map<std::string, double> bits = {
      {"alnum", 5.95}, {"base64url", 6}, {"hex", 4}, {"digits", 3.32}, {"upper_alnum", 5.16}};
  for (const Provider& entry : providers()) {
    EXPECT_THAT(entry.shapes, Not(IsEmpty())) << entry.name;
    for (const Shape& shape : entry.shapes) {
      SCOPED_TRACE(entry.name + " " + shape.prefix);
      EXPECT_THAT(shape.prefix, MatchesRegex("[A-Za-z0-9_.:-]{2,60}"));
      ASSERT_TRUE(bits.contains(shape.alphabet));
      EXPECT_GT(bits.at(shape.alphabet) * static_cast<double>(shape.length), 100);
      EXPECT_LE(shape.length, 200U);
    }
  }
}

TEST(Catalogue, TokenOfAShapeHasThatShape) {
  for (const Provider& entry : providers())
    for (const Shape& shape : entry.shapes) {
      const auto token = shape.prefix + (shape.alphabet == "hex" ? hex(shape.length) : letters(shape.length));
      EXPECT_EQ(shape_prefix(entry.name, token), shape.prefix) << entry.name;
    }
}

TEST(Catalogue, NoTwoProvidersClaimOneCommand) {
  std::map<std::string, std::string> owner;
  for (const Provider& entry : providers())
    for (const auto& command : entry.commands)
      EXPECT_TRUE(owner.emplace(command, entry.name).second) << command << " of " << owner[command];
}

TEST(Catalogue, CommandsAreForTheirProviderAndNotForGeneralTools) {
  EXPECT_TRUE(is_for(provider("github"), {"npx", "-y", "@modelcontextprotocol/server-github"}));
  EXPECT_TRUE(is_for(provider("github"), {"npx", "-y", "@modelcontextprotocol/server-github@2025.4.8"}));
  EXPECT_TRUE(is_for(provider("github"), {"/usr/bin/gh", "pr", "list"}));
  EXPECT_TRUE(is_for(provider("github"), {"docker", "run", "-i", "ghcr.io/github/github-mcp-server:v0.9"}));
  EXPECT_TRUE(is_for(provider("notion"), {"npx", "@notionhq/notion-mcp-server"}));
  for (const Provider& entry : providers())
    for (const char* tool : {"git", "curl", "node", "npx", "python3", "uvx", "docker", "bash", "make", "ssh"})
      EXPECT_FALSE(is_for(entry, {tool})) << entry.name << " " << tool;
}

TEST(FromProvider, TakesTheProvidersDefaults) {
  const Credential github = from_provider("work", provider("github"));
  EXPECT_EQ(github.name, "work");
  EXPECT_EQ(github.origins.front().to_string(), "api.github.com");
  EXPECT_THAT(github.sites, ElementsAre(Site{}));
  EXPECT_THAT(github.variables, ElementsAre("GITHUB_PERSONAL_ACCESS_TOKEN", "GITHUB_TOKEN", "GH_TOKEN"));
  EXPECT_EQ(github.shape, provider("github").shapes.front());
}

TEST(FromProvider, EmptyListsLeaveUsableDefaults) {
  Provider least;
  least.name = "least";
  least.origins = {"a.example"};
  const Credential bare = from_provider("bare", least);
  EXPECT_THAT(bare.sites, ElementsAre(Site{}));
  EXPECT_EQ(bare.shape, Shape{});
}

TEST(ShapeOf, KnowsTokensOfEveryKind) {
  EXPECT_EQ(shape_prefix("github", "ghp_" + letters(36)), "ghp_");
  EXPECT_EQ(shape_prefix("github", "github_pat_11" + letters(20) + "_" + letters(59)),
            "github_pat_1100000000000000000000_");
  EXPECT_EQ(shape_prefix("gitlab", "glpat-" + letters(27) + ".01." + letters(9)), "glpat-");
  EXPECT_EQ(shape_prefix("slack", "xoxb-17653672481-19874698323-" + letters(24)),
            "xoxb-123456789012-1234567890123-");
  EXPECT_EQ(shape_prefix("stripe", "sk_test_" + letters(24)), "sk_test_");
  EXPECT_EQ(shape_prefix("stripe", "rk_live_51" + letters(97)), "rk_live_");
  EXPECT_EQ(shape_prefix("openai", "sk-proj-" + letters(48) + "-_" + letters(78)), "sk-proj-");
  EXPECT_EQ(shape_prefix("openai", "sk-" + letters(48)), "sk-");
  EXPECT_EQ(shape_prefix("anthropic", "sk-ant-api04-" + letters(93) + "AA"), "sk-ant-api03-");
  EXPECT_EQ(shape_prefix("telegram", "98765432:AA" + letters(33)), "1234567890:AA");
  EXPECT_EQ(shape_prefix("airtable", "pat" + letters(14) + "." + hex(64)), "pat12345678901234.");
  EXPECT_EQ(shape_prefix("sentry", "sntrys_" + letters(100) + "=_" + letters(20) + "+/" + letters(21)),
            "sntrys_");
}

TEST(ShapeOf, OtherTextsHaveNone) {
  for (const std::string& token :
       {std::string(), std::string("ghp_"), "ghp_" + letters(8), "ghp_" + letters(73),
        "ghp_" + letters(35) + "-", "GHP_" + letters(36), " ghp_" + letters(36), "ghp_" + letters(36) + "\n",
        "ghp_" + letters(18) + std::string(1, '\0') + letters(17), letters(40), std::string("hunter2"),
        std::string(1 << 20, 'g')})
    EXPECT_EQ(shape_prefix("github", token), "none") << token.substr(0, 50);
  EXPECT_EQ(shape_prefix("telegram", ":AA" + letters(33)), "none");
  EXPECT_EQ(shape_prefix("telegram", "1234567890"), "none");
  EXPECT_EQ(shape_prefix("airtable", "pat." + hex(64)), "none");
  EXPECT_EQ(shape_of(secret("x"), Provider{}), std::nullopt);
}

TEST(ShapeOf, TellsNothingOfTheSecret) {
  const auto shape = shape_of(secret("98765432:AA" + letters(35)), provider("telegram"));
  ASSERT_TRUE(shape);
  EXPECT_EQ(*shape, provider("telegram").shapes.front());
}

}  // namespace
}  // namespace standin::broker
