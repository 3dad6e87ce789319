#include <cctype>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "broker/injector.h"
#include "cli/arguments.h"
#include "cli/completion.h"
#include "tests/read_text.h"

namespace standin::cli {
namespace {

const char* const command_names[] = {"init",   "add",        "edit",    "rotate", "list",      "show",
                                     "rename", "remove",     "run",     "audit",  "providers", "doctor",
                                     "demo",   "completion", "version", "help"};

std::string man_page() { return test::read_text(STANDIN_SOURCE_DIR "/docs/standin.1.md"); }

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

TEST(ManPage, NamesEveryAuthenticationField) {
  const std::string page = lower(man_page());
  for (const std::string_view field : broker::authentication_fields()) {
    EXPECT_NE(page.find("**" + std::string(field) + "**"), std::string::npos) << field;
  }
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
