#include "cli/arguments.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "cli/error.h"

namespace standin::cli {
namespace {

using List = std::vector<std::string>;

template <class Parse>
std::string usage_error(Parse parse, const List& words) {
  try {
    parse(words);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::usage);
    return error.what();
  }
  return "no error";
}

TEST(Arguments, OptionsRepeatAndKeepTheirOrder) {
  const auto arguments = parse_add(List{"--origin", "b.example", "name", "--origin=a.example", "--env", "A"});
  EXPECT_EQ(arguments.name, "name");
  EXPECT_EQ(arguments.origins.values, (List{"b.example", "a.example"}));
  EXPECT_EQ(arguments.variables.values, List{"A"});
  EXPECT_FALSE(arguments.sites.said());
}

TEST(Arguments, AnOptionTakesOneValueAndNotTheNextWord) {
  const auto arguments = parse_add(List{"--origin", "a.example", "name"});
  EXPECT_EQ(arguments.name, "name");
  EXPECT_EQ(arguments.origins.values, List{"a.example"});
}

TEST(Arguments, BracketsAndBracesAreTakenAsTheyStand) {
  const auto arguments =
      parse_add(List{"n", "--origin", "[::1]", "--origin", "[a,b]", "--for", "{}", "--for", ""});
  EXPECT_EQ(arguments.origins.values, (List{"[::1]", "[a,b]"}));
  EXPECT_EQ(arguments.commands.values, (List{"{}", ""}));
}

TEST(Arguments, ASecondNameIsRefused) {
  EXPECT_EQ(usage_error(parse_show, {"a", "b"}), "there is no such argument here: \"b\"");
}

TEST(Arguments, AMissingNameIsSaid) { EXPECT_EQ(usage_error(parse_show, {}), "missing NAME"); }

TEST(Arguments, AnEmptyNameIsAName) { EXPECT_EQ(parse_show(List{""}).name, ""); }

TEST(Arguments, AnOptionGivenTwiceIsRefusedWhereItIsOne) {
  EXPECT_NE(usage_error(parse_add, {"a", "--provider", "x", "--provider", "y"}), "no error");
}

TEST(Arguments, UnknownOptionsAreShownEscaped) {
  EXPECT_EQ(usage_error(parse_list, {"--x\x1b[2J"}), "there is no such argument here: \"--x\\x1b[2J\"");
}

TEST(Arguments, EditTakesAwayOrGivesButNotBoth) {
  EXPECT_TRUE(parse_edit(List{"a", "--no-env"}).variables.none);
  EXPECT_EQ(usage_error(parse_edit, {"a", "--no-env", "--env", "X"}),
            "--env and --no-env exclude each other");
  EXPECT_EQ(usage_error(parse_edit, {"a", "--no-provider", "--provider", "x"}),
            "--provider and --no-provider exclude each other");
}

TEST(Arguments, EditDoesNotReadASecret) {
  EXPECT_NE(usage_error(parse_edit, {"a", "--from", "stdin"}), "no error");
}

TEST(RunArguments, EverythingAfterTheDashesIsTheCommandExactly) {
  const auto run =
      parse_run(List{"--with", "a", "--", "cmd", "--with", "b", "--", "", "-x", "a b", "--help"});
  EXPECT_EQ(run.with, List{"a"});
  EXPECT_EQ(run.command, (List{"cmd", "--with", "b", "--", "", "-x", "a b", "--help"}));
}

TEST(RunArguments, WithoutDashesTheFirstWordThatIsNoOptionBeginsIt) {
  const auto run = parse_run(List{"--with", "a", "--env", "V=a", "npx", "-y", "--all", "--", "x"});
  EXPECT_EQ(run.command, (List{"npx", "-y", "--all", "--", "x"}));
  EXPECT_EQ(run.all, Everything::no);
  ASSERT_EQ(run.variables.size(), 1U);
  EXPECT_EQ(run.variables[0], (std::pair<std::string, std::string>{"V", "a"}));
}

TEST(RunArguments, AnOptionWithEqualsDoesNotSwallowTheCommand) {
  EXPECT_EQ(parse_run(List{"--with=a", "cmd"}).command, List{"cmd"});
  EXPECT_EQ(parse_run(List{"--all", "cmd"}).command, List{"cmd"});
}

TEST(RunArguments, ACommandMayBeADashOrEmpty) {
  EXPECT_EQ(parse_run(List{"-", "x"}).command, (List{"-", "x"}));
  EXPECT_EQ(parse_run(List{"", "x"}).command, (List{"", "x"}));
}

TEST(RunArguments, UnknownOptionsBeforeTheCommandAreErrors) {
  EXPECT_EQ(usage_error(parse_run, {"--frob", "cmd"}), "there is no such argument here: \"--frob\"");
  EXPECT_EQ(usage_error(parse_run, {"-x", "--", "cmd"}), "there is no such argument here: \"-x\"");
}

TEST(RunArguments, NoCommandIsAnError) {
  for (const List& words : {List{}, List{"--"}, List{"--all"}, List{"--with", "a", "--"}}) {
    EXPECT_EQ(usage_error(parse_run, words), "no command to run");
  }
  EXPECT_NE(usage_error(parse_run, {"--with"}), "no error");
}

TEST(RunArguments, AVariableNeedsACredential) {
  for (const char* text : {"V", "=a", "V=", ""}) {
    EXPECT_NE(usage_error(parse_run, {"--env", text, "--", "c"}), "no error") << text;
  }
  EXPECT_EQ(parse_run(List{"--env", "V=a=b", "--", "c"}).variables[0].second, "a=b");
}

TEST(Arguments, HelpEndsWithAnExampleForEveryCommand) {
  const auto help = [](auto parse) {
    try {
      parse(List{"--help"});
    } catch (const HelpWanted& wanted) {
      return wanted.text;
    }
    return std::string();
  };
  for (const std::string& text :
       {help(parse_init), help(parse_add), help(parse_edit), help(parse_rotate), help(parse_list),
        help(parse_show), help(parse_rename), help(parse_remove), help(parse_run), help(parse_audit),
        help(parse_providers), help(parse_doctor), help(parse_demo), help(parse_completion),
        help(parse_version), help(parse_help)}) {
    EXPECT_TRUE(text.starts_with("Usage: standin "));
    EXPECT_NE(text.find("\nExample:\n  standin "), std::string::npos) << text;
  }
}

TEST(Arguments, OptionsForCompletionAreThoseThatParse) {
  List names;
  for (const auto& option : options_of("edit")) names.push_back(option.name);
  EXPECT_NE(std::ranges::find(names, "--no-for"), names.end());
  EXPECT_NE(std::ranges::find(names, "--origin"), names.end());
  EXPECT_EQ(std::ranges::find(names, "--from"), names.end());
}

}  // namespace
}  // namespace standin::cli
