#include <cctype>
#include <filesystem>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/child_environment.h"
#include "broker/injector.h"
#include "cli/arguments.h"
#include "cli/completion.h"
#include "tests/read_text.h"
#include "tests/temporary_folder.h"

namespace standin::cli {
namespace {

const char* const command_names[] = {"init",   "add",        "edit",    "rotate", "list",      "show",
                                     "rename", "remove",     "run",     "audit",  "providers", "doctor",
                                     "demo",   "completion", "version", "help"};

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::UnorderedElementsAreArray;

std::string text_of(const fs::path& file) { return test::read_text(STANDIN_SOURCE_DIR / file); }

std::string man_page() { return text_of("docs/standin.1.md"); }

/// From a heading to the next one.
std::string section(const std::string& page, const std::string& heading) {
  const auto begin = page.find("\n" + heading + "\n");
  EXPECT_NE(begin, page.npos) << heading;
  const auto next = page.find("\n#", begin + heading.size());
  return page.substr(begin, next == page.npos ? next : next - begin);
}

/// The `group`s of every match.
std::set<std::string> all_of(const std::string& text, const char* pattern, std::size_t group = 1) {
  const std::regex expression(pattern);
  std::set<std::string> found;
  for (std::sregex_iterator at(text.begin(), text.end(), expression), end; at != end; ++at) {
    found.insert((*at)[group]);
  }
  return found;
}

/// All that is written in these rooms.
std::string source_of(std::initializer_list<const char*> rooms) {
  std::string all;
  for (const char* room : rooms) {
    for (const auto& file : fs::directory_iterator(fs::path(STANDIN_SOURCE_DIR) / room)) {
      if (file.path().extension() == ".cc") all += text_of(file.path());
    }
  }
  return all;
}

/// "403 wrong_origin": every refusal that standin can answer with.
std::set<std::string> refusals() {
  static const std::regex made(R"re(\{(?:\.status = )?([45]\d\d),\s*(?:\.code = )?"([a-z_]+)")re");
  const std::string source = source_of({"proxy", "broker"});
  std::set<std::string> found;
  for (std::sregex_iterator at(source.begin(), source.end(), made), end; at != end; ++at) {
    found.insert((*at)[1].str() + " " + (*at)[2].str());
  }
  EXPECT_GT(found.size(), 10U) << "refusals are spelt another way: correct the pattern";
  return found;
}

/// A line of the page names both.
bool line_names(const std::string& page, const std::string& one, const std::string& other) {
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(one) != line.npos && line.find(other) != line.npos) return true;
  }
  return false;
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

TEST(ManPage, NamesTheAuthenticationFieldsAndNoOthers) {
  const std::string page = section(man_page(), "# AUTHENTICATION FIELDS");
  const std::string list = page.substr(0, page.find("It is not"));
  std::set<std::string> fields;
  for (const auto& name : all_of(list, R"re(\*\*([A-Za-z0-9-]+)\*\*)re")) fields.insert(lower(name));
  const auto known = broker::authentication_fields();
  EXPECT_THAT(fields, UnorderedElementsAreArray(known.begin(), known.end()));
}

TEST(ManPage, NamesEveryVariableThatTheChildGets) {
  const std::string page = section(man_page(), "## Environment of the child");
  const test::TemporaryFolder folder;
  const auto environment = broker::child_environment({}, {.proxy_url = "http://standin:p@127.0.0.1:1",
                                                          .authority_pem = "authority",
                                                          .folder = folder.path(),
                                                          .bound = {},
                                                          .stand_ins = {},
                                                          .system_roots = {},
                                                          .node_preload = broker::NodePreload::yes});
  std::set<std::string> given;
  for (const auto& [name, value] : environment) {
    given.insert(name);
    std::string upper = name;
    for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    EXPECT_NE(page.find("**" + upper + "**"), page.npos) << name;
  }
  for (const auto& name : all_of(page, R"re(\*\*([A-Z_]+)\*\*)re")) EXPECT_THAT(given, Contains(name));
}

TEST(ManPage, NamesEveryRefusalWithItsStatus) {
  const std::string page = section(man_page(), "## When a request can't go through");
  for (const std::string& refusal : refusals()) {
    const auto space = refusal.find(' ');
    EXPECT_TRUE(line_names(page, refusal.substr(0, space), "**" + refusal.substr(space + 1) + "**"))
        << refusal;
  }
}

TEST(AuditFormat, NamesEveryRefusalWithItsStatus) {
  const std::string page = section(text_of("docs/audit-format.md"), "### Reasons");
  for (const std::string& refusal : refusals()) {
    const auto space = refusal.find(' ');
    EXPECT_TRUE(line_names(page, refusal.substr(0, space), "`" + refusal.substr(space + 1) + "`")) << refusal;
  }
}

TEST(AuditFormat, NamesEveryEventAndNoOthers) {
  const std::string page = section(text_of("docs/audit-format.md"), "### Events");
  const std::string source = source_of({"broker", "cli"});
  std::set<std::string> written =
      all_of(source, R"re((?:event = |JournalEntry \w+\(|entry_for\()"([a-z_]+)")re");
  std::set<std::string> named;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| `")) continue;
    named.merge(all_of(line.substr(0, line.find('|', 1)), "`([a-z_]+)`"));
  }
  EXPECT_THAT(named, UnorderedElementsAreArray(written));
}

TEST(AuditFormat, NamesEveryReasonThatIsNoRefusal) {
  const std::string page = section(text_of("docs/audit-format.md"), "### Reasons");
  std::set<std::string> reasons = all_of(source_of({"broker", "cli"}), R"re(\.reason = "([a-z_]+)")re");
  reasons.merge(all_of(source_of({"proxy"}), R"re(\? "([a-z]+_[a-z_]+)" : "")re"));
  EXPECT_THAT(reasons, Contains("upstream_cut"));
  for (const std::string& reason : reasons) EXPECT_NE(page.find("`" + reason + "`"), page.npos) << reason;
}

TEST(ManPage, NamesEveryCommandAndOption) {
  const std::string page = man_page();
  for (const char* command : command_names) {
    EXPECT_NE(page.find("**" + std::string(command) + "**"), std::string::npos) << command;
    for (const auto& option : options_of(command)) {
      EXPECT_NE(page.find("**" + option.name + "**"), std::string::npos) << command << " " << option.name;
    }
  }
}

TEST(Completion, KnowsEveryOptionInEveryShell) {
  std::vector<CommandSummary> commands;
  for (const char* name : command_names) commands.push_back({name, "it's [a: command]"});
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = completion_script(shell, commands);
    for (const char* command : command_names) {
      for (const auto& option : options_of(command)) {
        const std::string name =
            shell == std::string_view("fish") ? "-l " + option.name.substr(2) : option.name;
        EXPECT_NE(script.find(name), std::string::npos) << shell << " " << option.name;
      }
    }
  }
}

}  // namespace
}  // namespace standin::cli
