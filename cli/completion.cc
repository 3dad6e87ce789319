#include "cli/completion.h"

#include <vector>

#include "cli/arguments.h"
#include "cli/error.h"
#include "cli/messages.h"

namespace standin::cli {
namespace {

using Commands = std::span<const CommandSummary>;

/// What may stand after an option: fixed words, or what standin or the shell is asked for.
enum class Values : std::uint8_t { none, words, credentials, providers, any };

struct ValueRule {
  std::string_view option;
  Values values;
  std::string_view words;
};
constexpr ValueRule rules[] = {
    {"--key", Values::words, "keyfile passphrase keyring"},
    {"--provider", Values::providers, ""},
    {"--site", Values::words, "authentication header: basic basic-form query: path form: json:/ ws-text"},
    {"--from", Values::words, "stdin env: file: cmd:"},
    {"--with", Values::credentials, ""},
    {"--credential", Values::credentials, ""},
    {"--capture", Values::words, "auto env kernel"},
    {"--egress", Values::words, "guarded locked open"},
    {"--outcome", Values::words, "ok failed refused"},
};

/// What may stand where no option does.
constexpr ValueRule positionals[] = {
    {"add", Values::providers, ""},
    {"edit", Values::credentials, ""},
    {"rotate", Values::credentials, ""},
    {"show", Values::credentials, ""},
    {"rename", Values::credentials, ""},
    {"remove", Values::credentials, ""},
    {"audit", Values::words, "verify"},
    {"providers", Values::providers, ""},
    {"completion", Values::words, "bash zsh fish"},
};

const ValueRule* rule_for(std::span<const ValueRule> among, std::string_view name) {
  for (const ValueRule& rule : among) {
    if (rule.option == name) return &rule;
  }
  return nullptr;
}

std::string joined_names(Commands commands) {
  std::string all;
  for (const auto& command : commands) all.append(all.empty() ? "" : " ").append(command.name);
  return all;
}

// Asked with stdin closed to prompts: a vault with a passphrase completes nothing rather than asks.
std::string source_of(const ValueRule& rule, std::string_view open, std::string_view close) {
  const auto ask = [&](std::string_view command) {
    return std::string(open) + "standin " + std::string(command) + " --names </dev/null 2>/dev/null" +
           std::string(close);
  };
  switch (rule.values) {
    case Values::words:
      return std::string(rule.words);
    case Values::credentials:
      return ask("list");
    case Values::providers:
      return ask("providers");
    case Values::none:
    case Values::any:
      break;
  }
  return {};
}

std::string bash(Commands commands) {
  std::string options, names, values;
  for (const auto& command : commands) {
    options.append("    ").append(command.name).append(") options='");
    for (const auto& option : options_of(command.name)) options.append(option.name).append(" ");
    options.back() = '\'';
    options += " ;;\n";
  }
  for (const ValueRule& rule : rules) {
    values.append("    ")
        .append(rule.option)
        .append(") words=\"")
        .append(source_of(rule, "$(", ")"))
        .append("\" ;;\n");
  }
  for (const ValueRule& rule : positionals) {
    names.append("    ")
        .append(rule.option)
        .append(") words=\"")
        .append(source_of(rule, "$(", ")"))
        .append("\" ;;\n");
  }
  return R"bash(# bash completion for standin, made by 'standin completion bash'
_standin() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}
  local words= options= i
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W ')bash" +
         joined_names(commands) + R"bash(' -- "$word"))
    return
  fi
  if [ "$command" = run ]; then
    for ((i = 2; i < COMP_CWORD; i++)); do
      if [ "${COMP_WORDS[i]}" = -- ]; then
        declare -F _command_offset >/dev/null && _command_offset $((i + 1))
        return
      fi
    done
  fi
  case $command in
)bash" + options +
         R"bash(    help) words=')bash" + joined_names(commands) + R"bash(' ;;
  esac
  case $before in
)bash" + values +
         R"bash(    *) case $word in
         -*) words=$options ;;
         *) case $command in
)bash" + names +
         R"bash(    esac ;;
       esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  case ${COMPREPLY[0]-} in *:) compopt -o nospace ;; esac
}
complete -o default -F _standin standin
)bash";
}

std::string for_zsh(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\'') {
      escaped += "'\\''";
    } else {
      if (c == '[' || c == ']' || c == ':') escaped += '\\';
      escaped += c;
    }
  }
  return escaped;
}

std::string zsh_values(const ValueRule* rule) {
  if (rule == nullptr) return "_default";
  return rule->values == Values::words         ? "(" + for_zsh(rule->words) + ")"
         : rule->values == Values::credentials ? "_standin_credentials"
                                               : "_standin_providers";
}

std::string zsh(Commands commands) {
  std::string summaries, cases;
  for (const auto& command : commands) {
    summaries.append("    '").append(command.name).append(":").append(for_zsh(command.summary)).append("'\n");
    cases.append("    ").append(command.name).append(") _arguments -s");
    for (const auto& option : options_of(command.name)) {
      cases.append(" \\\n      '*")
          .append(option.name)
          .append("[")
          .append(for_zsh(option.description))
          .append("]");
      if (!option.value.empty()) {
        cases.append(":").append(for_zsh(option.value)).append(":");
        cases.append(zsh_values(rule_for(rules, option.name)));
      }
      cases.append("'");
    }
    if (command.name == "run") cases.append(" \\\n      '(-)*::command:_normal'");
    if (const auto* rule = rule_for(positionals, command.name)) {
      cases.append(" \\\n      '*::name:").append(zsh_values(rule)).append("'");
    }
    cases.append(" ;;\n");
  }
  return R"zsh(#compdef standin
# zsh completion for standin, made by 'standin completion zsh'
_standin_credentials() {
  local -a names
  names=(${(f)"$(standin list --names </dev/null 2>/dev/null)"})
  compadd -a names
}
_standin_providers() {
  local -a names
  names=(${(f)"$(standin providers --names </dev/null 2>/dev/null)"})
  compadd -a names
}
_standin() {
  local -a commands
  commands=(
)zsh" + summaries +
         R"zsh(  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
)zsh" + cases +
         R"zsh(  esac
}
if [ "$funcstack[1]" = _standin ]; then
  _standin "$@"
else
  compdef _standin standin
fi
)zsh";
}

std::string for_fish(std::string_view text) {
  std::string escaped = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped + "'";
}

std::string fish(Commands commands) {
  std::string text =
      "# fish completion for standin, made by 'standin completion fish'\n"
      "complete -c standin -f\n";
  for (const auto& command : commands) {
    text.append("complete -c standin -n __fish_use_subcommand -a ").append(command.name).append(" -d ");
    text.append(for_fish(command.summary)).append("\n");
    const std::string seen =
        "complete -c standin -n '__fish_seen_subcommand_from " + std::string(command.name) + "'";
    for (const auto& option : options_of(command.name)) {
      text.append(seen)
          .append(" -l ")
          .append(option.name.substr(2))
          .append(" -d ")
          .append(for_fish(option.description));
      const auto* rule = rule_for(rules, option.name);
      if (rule != nullptr) text.append(" -x -a ").append(for_fish(source_of(*rule, "(", ")")));
      if (rule == nullptr && !option.value.empty()) text.append(" -r");
      text.append("\n");
    }
    if (command.name == "run") text.append(seen).append(" -a '(__fish_complete_subcommand --fcs-skip=2)'\n");
    if (const auto* rule = rule_for(positionals, command.name)) {
      text.append(seen).append(" -a ").append(for_fish(source_of(*rule, "(", ")"))).append("\n");
    }
  }
  return text;
}

}  // namespace

std::string completion_script(std::string_view shell, Commands commands) {
  if (shell == "bash") return bash(commands);
  if (shell == "zsh") return zsh(commands);
  if (shell == "fish") return fish(commands);
  throw Error(Error::Kind::usage, "there is no completion for " + in_quotes(shell), "bash, zsh or fish");
}

}  // namespace standin::cli
