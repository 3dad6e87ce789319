#include "cli/declaration.h"

#include <algorithm>
#include <cctype>

#include <CLI/CLI.hpp>

#include "cli/error.h"
#include "cli/messages.h"

namespace standin::cli {
namespace {

bool is(const CLI::ParseError& error, CLI::ExitCodes code) {
  return error.get_exit_code() == static_cast<int>(code);
}

/// CLI11's sentence, as one of ours: one line, lower case, no full stop.
std::string in_our_words(const CLI::ParseError& error) {
  std::string text = error.what();
  std::replace(text.begin(), text.end(), '\n', ' ');
  if (is(error, CLI::ExitCodes::ExtrasError)) {
    const auto colon = text.find(": ");
    return "there is no such argument here: " +
           in_quotes(colon == std::string::npos ? text : text.substr(colon + 2));
  }
  constexpr std::string_view required = " is required";
  if (is(error, CLI::ExitCodes::RequiredError) && text.ends_with(required)) {
    return "missing " + text.substr(0, text.size() - required.size());
  }
  if (!text.empty() && text.back() == '.') text.pop_back();
  const bool is_word = text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])) != 0;
  if (is_word) text.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(text.front())));
  return text;
}

}  // namespace

Declaration::Declaration(const std::string& command, std::string usage, std::string description,
                         std::string example)
    : app_(std::make_unique<CLI::App>(std::move(description), "standin " + command)),
      usage_(std::move(usage)),
      example_(std::move(example)) {
  app_->set_help_flag("-h,--help", "Show this help");
}
Declaration::~Declaration() = default;
Declaration::Declaration(Declaration&&) noexcept = default;
Declaration& Declaration::operator=(Declaration&&) noexcept = default;

CLI::Option* Declaration::option(const char* name, const char* description,
                                 std::function<void(const std::string&)> take) {
  const auto callback = [take = std::move(take)](const CLI::results_t& given) {
    take(given.at(0));
    return true;
  };
  return app_->add_option(name, callback, description)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::Throw)
      ->allow_extra_args(false);
}

void Declaration::positional(const char* name, Need need, std::string& to) {
  option(name, "", [&to](const std::string& given) { to = given; })->required(need == Need::required);
}

void Declaration::value(const char* name, const char* type, const char* description,
                        std::function<void(const std::string&)> take) {
  option(name, description, std::move(take))->type_name(type);
}

void Declaration::values(const char* name, const char* type, const char* description,
                         std::vector<std::string>& to) {
  const auto callback = [&to](const CLI::results_t& given) {
    to = given;
    return true;
  };
  app_->add_option(name, callback, description)
      ->type_name(type)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
}

void Declaration::flag(const char* name, const char* description, std::function<void()> note) {
  app_->add_flag_callback(name, std::move(note), description)->type_name("");
}

void Declaration::format(Format& to) {
  flag("--json", "Print JSON", [&to] { to = Format::json; });
}

void Declaration::parse(Words words) {
  try {
    app_->parse(std::vector<std::string>(words.rbegin(), words.rend()));  // last first, as CLI11 wants it
  } catch (const CLI::CallForHelp&) {
    throw HelpWanted{help()};
  } catch (const CLI::ParseError& error) {
    throw Error(Error::Kind::usage, in_our_words(error), "see '" + app_->get_name() + " --help'");
  }
}

std::size_t Declaration::leading_options(Words words) const {
  std::size_t i = 0;
  while (i < words.size() && words[i].size() > 1 && words[i][0] == '-' && words[i] != "--") {
    const CLI::Option* option = app_->get_option_no_throw(words[i]);
    const bool takes_next = option != nullptr && option->get_items_expected_max() > 0;
    i += takes_next ? 2 : 1;
  }
  return std::min(i, words.size());
}

std::vector<OptionSummary> Declaration::options() const {
  std::vector<OptionSummary> all;
  const CLI::App& app = *app_;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional() || option->get_lnames().empty()) continue;
    all.push_back({"--" + option->get_lnames().front(), option->get_type_name(), option->get_description()});
  }
  return all;
}

std::string Declaration::help() const {
  std::string text = "Usage: " + app_->get_name() + (usage_.empty() ? "" : " " + usage_) + "\n\n" +
                     app_->get_description() + "\n\n";
  const auto all = options();
  const auto left = [](const OptionSummary& o) { return o.value.empty() ? o.name : o.name + " " + o.value; };
  std::size_t width = 0;
  for (const auto& option : all) width = std::max(width, left(option).size());
  for (const auto& option : all) {
    const std::string column = left(option);
    text.append("  ")
        .append(column)
        .append(width - column.size() + 2, ' ')
        .append(option.description)
        .append("\n");
  }
  return text + "\nExample:\n  " + example_ + "\n";
}

}  // namespace standin::cli
