#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/credential.h"
#include "cli/declaration.h"
#include "cli/run_command.h"
#include "cli/secret_source.h"

namespace standin::cli {

struct InitArguments {
  enum class Key : std::uint8_t { unsaid, keyfile, passphrase };
  Key key = Key::unsaid;
};

/// `add` and `edit`: a kind that was given replaces the one there is; `none` takes it away (edit's --no-…).
struct ScopeArguments {
  struct Kind {
    std::vector<std::string> values;
    bool none = false;
    [[nodiscard]] bool said() const noexcept { return none || !values.empty(); }
  };
  std::string name;
  std::optional<std::string> provider;
  bool no_provider = false;
  std::optional<broker::Scrubbing> scrubbing;
  Kind origins, sites, variables, commands;
  SecretSource source;  // add only
};

struct RotateArguments {
  std::string name;
  SecretSource source;
};

struct ListArguments {
  enum class Show : std::uint8_t { table, names };
  Format format = Format::text;
  Show show = Show::table;  // --names: for completion
};

struct NameArguments {
  std::string name;  // may be empty where the command takes none
  Format format = Format::text;
};

struct RenameArguments {
  std::string old_name, new_name;
};

struct AuditArguments {
  enum class Action : std::uint8_t { query, follow, verify };
  Action action = Action::query;
  Format format = Format::text;
  std::string since, credential, origin, outcome, run;
};

struct ProvidersArguments {
  std::string name;
  ListArguments list;
};

struct PlainArguments {
  Format format = Format::text;
};

/// Each reads the words after the command's name. Throws HelpWanted, and Error(usage) in standin's own words.
InitArguments parse_init(Words words);
ScopeArguments parse_add(Words words);
ScopeArguments parse_edit(Words words);
RotateArguments parse_rotate(Words words);
ListArguments parse_list(Words words);
NameArguments parse_show(Words words);
RenameArguments parse_rename(Words words);
NameArguments parse_remove(Words words);
/// Everything after `--` is the command, exactly; without one, the first word that is no option begins it.
RunArguments parse_run(Words words);
AuditArguments parse_audit(Words words);
ProvidersArguments parse_providers(Words words);
PlainArguments parse_doctor(Words words);
void parse_demo(Words words);
std::string parse_completion(Words words);
PlainArguments parse_version(Words words);
std::string parse_help(Words words);

/// The options of a command, for completion: from the same declarations that parse them.
std::vector<OptionSummary> options_of(std::string_view command);

}  // namespace standin::cli
