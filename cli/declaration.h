#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace standin::cli {

using Words = std::span<const std::string>;

enum class Format : std::uint8_t { text, json };

/// --help was asked for: not a fault.
struct HelpWanted {
  std::string text;
};

struct OptionSummary {
  std::string name;         // "--origin"
  std::string value;        // "ORIGIN"; empty: it takes none
  std::string description;  // one line
};

/// What one command takes. CLI11 reads it and keeps its words to itself: help and errors are written here,
/// after the law of cli/messages.h. Results are taken raw, because CLI11 would give "[::1]" and "{}" a
/// meaning.
///
/// Where values go to is borrowed, and must outlive parse().
class Declaration {
 public:
  /// `example` is the worked one that the help ends with.
  Declaration(const std::string& command, std::string usage, std::string description, std::string example);
  ~Declaration();
  Declaration(Declaration&&) noexcept;
  Declaration& operator=(Declaration&&) noexcept;

  enum class Need : std::uint8_t { optional, required };
  void positional(const char* name, Need need, std::string& to);
  void value(const char* name, const char* type, const char* description,
             std::function<void(const std::string&)> take);
  void values(const char* name, const char* type, const char* description, std::vector<std::string>& to);
  void flag(const char* name, const char* description, std::function<void()> note);
  void format(Format& to);  // --json

  /// Throws HelpWanted, Error(usage), and what a `take` throws.
  void parse(Words words);
  /// How many of `words` are options and their values, before the first that is neither.
  [[nodiscard]] std::size_t leading_options(Words words) const;
  [[nodiscard]] std::vector<OptionSummary> options() const;

 private:
  CLI::Option* option(const char* name, const char* description,
                      std::function<void(const std::string&)> take);
  [[nodiscard]] std::string help() const;

  std::unique_ptr<CLI::App> app_;
  std::string usage_;
  std::string example_;
};

}  // namespace standin::cli
