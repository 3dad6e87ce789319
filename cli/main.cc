#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

#include "cli/arguments.h"
#include "cli/audit_commands.h"
#include "cli/completion.h"
#include "cli/demo_child.h"
#include "cli/demo_command.h"
#include "cli/doctor.h"
#include "cli/error.h"
#include "cli/exit_status.h"
#include "cli/fault.h"
#include "cli/messages.h"
#include "cli/output.h"
#include "cli/provider_commands.h"
#include "cli/run_command.h"
#include "cli/startup.h"
#include "cli/suggestion.h"
#include "cli/vault_commands.h"
#include "cli/version.h"

namespace standin::cli {
namespace {

struct Command {
  std::string_view name;
  std::string_view summary;
  int (*act)(Words words, Output& out);
};

int demo(Words words, Output& out);
int help_command(Words words, Output& out);
int completion_command(Words words, Output& out);

constexpr Command commands[] = {
    {"init", "Make the vault", [](Words words, Output& out) { return init_command(parse_init(words), out); }},
    {"add", "Store a credential",
     [](Words words, Output& out) { return add_command(parse_add(words), out); }},
    {"edit", "Change what a credential may be used for",
     [](Words words, Output& out) { return edit_command(parse_edit(words), out); }},
    {"rotate", "Put a new secret into a credential",
     [](Words words, Output& out) { return rotate_command(parse_rotate(words), out); }},
    {"list", "List the credentials",
     [](Words words, Output& out) { return list_command(parse_list(words), out); }},
    {"show", "Show a credential, without its secret",
     [](Words words, Output& out) { return show_command(parse_show(words), out); }},
    {"rename", "Give a credential another name",
     [](Words words, Output& out) { return rename_command(parse_rename(words), out); }},
    {"remove", "Take a credential out of the vault",
     [](Words words, Output& out) { return remove_command(parse_remove(words), out); }},
    {"run", "Run a command with stand-ins where its secrets would be",
     [](Words words, Output&) { return run_command(parse_run(words)); }},
    {"audit", "Ask the log what was used where, or verify it",
     [](Words words, Output& out) { return audit_command(parse_audit(words), out); }},
    {"providers", "Show the built-in catalogue",
     [](Words words, Output& out) { return providers_command(parse_providers(words), out); }},
    {"doctor", "Check that all is in order, and say what to do",
     [](Words words, Output& out) { return doctor_command(parse_doctor(words), out); }},
    {"demo", "Show the whole way, with a throw-away vault",
     [](Words words, Output& out) { return demo(words, out); }},
    {"completion", "Print the completion script of a shell", completion_command},
    {"version", "Print the version",
     [](Words words, Output& out) { return version_command(parse_version(words), out); }},
    {"help", "Show the commands, or one command's help", help_command},
};

std::string overview() {
  std::string text =
      "Usage: standin COMMAND [ARGUMENT]...\n\n"
      "Runs programs with stand-ins where their secrets would be.\n\n";
  for (const Command& command : commands) {
    text.append("  ")
        .append(command.name)
        .append(12 - command.name.size(), ' ')
        .append(command.summary)
        .append("\n");
  }
  return text +
         "\nExample:\n  standin init && standin add github\n"
         "  standin run -- npx -y @modelcontextprotocol/server-github\n\n"
         "'standin COMMAND --help' tells more of one, and 'man standin' of all.\n";
}

const Command& find_command(const std::string& name) {
  const auto found = std::ranges::find(commands, name, &Command::name);
  if (found != std::end(commands)) return *found;
  std::vector<std::string> names;
  for (const Command& command : commands) names.emplace_back(command.name);
  const std::string near = did_you_mean(name, names);
  throw Error(Error::Kind::usage, "no command named " + in_quotes(name),
              near.empty() ? "see 'standin help'" : near);
}

/// `standin demo child ORIGIN...` is the demonstration's own client, and nobody else's business.
int demo(Words words, Output& out) {
  if (words.size() > 1 && words.front() == "child") return demo_child(words.subspan(1));
  parse_demo(words);
  return demo_command(out);
}

int help_command(Words words, Output& out) {
  const std::string name = parse_help(words);
  if (name.empty()) {
    out.print(overview());
    return exit_ok;
  }
  const std::vector<std::string> help{"--help"};
  return find_command(name).act(help, out);
}

int completion_command(Words words, Output& out) {
  std::vector<CommandSummary> summaries;
  for (const Command& command : commands) summaries.push_back({command.name, command.summary});
  out.print(completion_script(parse_completion(words), summaries));
  return exit_ok;
}

int status_of(const Fault& fault) {
  return fault.blame == Fault::Blame::arguments ? exit_usage : exit_failed;
}

/// Every fault ends up here, as one line and a hint; `run` has an exit status of its own for all of them.
int act(const Command& command, Words words, Output& out) {
  try {
    const int status = command.act(words, out);
    out.flush();
    return status;
  } catch (const HelpWanted& wanted) {
    out.print(wanted.text);
    out.flush();
    return exit_ok;
  } catch (const Output::ClosedPipe&) {
    throw;
  } catch (...) {
    const Fault fault = current_fault();
    print_fault(fault);
    return command.name == "run" ? static_cast<int>(exit_run_failed) : status_of(fault);
  }
}

/// The words that stand for a command: `standin --help`, `standin --version`.
std::string command_name(std::string_view word) {
  if (word == "--help" || word == "-h") return "help";
  if (word == "--version" || word == "-V") return "version";
  return std::string(word);
}

int start(std::span<char*> given) {
  if (given.size() < 2) {
    occupy_standard_descriptors();
    print_error("no command was given", "see 'standin help'");
    return exit_usage;
  }
  const std::vector<std::string> words(given.begin() + 2, given.end());
  const std::string name = command_name(given[1]);
  // run looks after its descriptors, signals and limits itself: its child gets them as they are.
  if (name != "run") {
    occupy_standard_descriptors();
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGXFSZ, SIG_IGN);  // a full quota is an error that is told, not an end
    protect_process();
  }
  Output out(STDOUT_FILENO);
  return act(find_command(name), words, out);
}

}  // namespace
}  // namespace standin::cli

int main(int argc, char** argv) {
  using namespace standin::cli;
  try {
    return start({argv, static_cast<std::size_t>(argc)});
  } catch (const Output::ClosedPipe&) {
    // The reader had enough (`standin audit | head`): end as every other tool does.
    ::signal(SIGPIPE, SIG_DFL);
    ::raise(SIGPIPE);
  } catch (...) {
    const Fault fault = current_fault();
    print_fault(fault);
    return status_of(fault);
  }
  return exit_failed;
}
