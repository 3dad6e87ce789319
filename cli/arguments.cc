#include "cli/arguments.h"

#include "cli/declaration.h"
#include "cli/error.h"
#include "cli/messages.h"

namespace standin::cli {
namespace {

using Need = Declaration::Need;

[[noreturn]] void bad_choice(const std::string& option, const std::string& choices) {
  throw Error(Error::Kind::usage, option + " takes " + choices);
}

void declare_key(Declaration& declaration, InitArguments& to) {
  declaration.value("--key", "KIND", "keyfile (the default) or passphrase; keyring is not built yet",
                    [&to](const auto& kind) {
                      if (kind == "keyring") {
                        throw Error(Error::Kind::refused, "a key in the system's keyring is not built yet",
                                    "use '--key keyfile' or '--key passphrase'");
                      }
                      if (kind != "keyfile" && kind != "passphrase")
                        bad_choice("--key", "keyfile, passphrase or keyring");
                      to.key =
                          kind == "keyfile" ? InitArguments::Key::keyfile : InitArguments::Key::passphrase;
                    });
}

void declare_source(Declaration& declaration, SecretSource& to) {
  declaration.value("--from", "SOURCE", "stdin, env:VAR, file:PATH or cmd:COMMAND: where the secret is read",
                    [&to](const std::string& text) { to = SecretSource::parse(text); });
}

void declare_scope(Declaration& declaration, ScopeArguments& to) {
  declaration.positional("NAME", Need::required, to.name);
  declaration.value("--provider", "PROVIDER", "Take this provider's defaults",
                    [&to](const std::string& name) { to.provider = name; });
  declaration.values("--origin", "ORIGIN",
                     "Where it may go: api.example.com, *.example.com, http://localhost:8080",
                     to.origins.values);
  declaration.values("--site", "SITE",
                     "Where in a request: header:NAME, basic, basic-form, query:NAME, path, form:NAME, "
                     "json:/POINTER, ws-text",
                     to.sites.values);
  declaration.values("--env", "VAR", "Variable of the child that gets the stand-in", to.variables.values);
  declaration.values("--for", "GLOB", "Command it is for: a program's or package's name", to.commands.values);
  declaration.flag("--no-scrub", "Leave the secret in responses that have it, and let them be in any coding",
                   [&to] { to.scrubbing = broker::Scrubbing::lenient; });
}

void declare_removals(Declaration& declaration, ScopeArguments& to) {
  const auto none = [](ScopeArguments::Kind& kind) { return [&kind] { kind.none = true; }; };
  declaration.flag("--no-provider", "Belongs to no provider any more", [&to] { to.no_provider = true; });
  declaration.flag("--scrub", "Replace the secret in responses again",
                   [&to] { to.scrubbing = broker::Scrubbing::strict; });
  declaration.flag("--no-site", "Back to the authentication fields", none(to.sites));
  declaration.flag("--no-env", "Sets no variable", none(to.variables));
  declaration.flag("--no-for", "Is for no command: only with --with or --all", none(to.commands));
}

void check_not_both(const ScopeArguments& arguments) {
  const auto check = [](const ScopeArguments::Kind& kind, const std::string& name) {
    if (kind.none && !kind.values.empty()) {
      throw Error(Error::Kind::usage, "--" + name + " and --no-" + name + " exclude each other");
    }
  };
  check(arguments.sites, "site");
  check(arguments.variables, "env");
  check(arguments.commands, "for");
  if (arguments.no_provider && arguments.provider) {
    throw Error(Error::Kind::usage, "--provider and --no-provider exclude each other");
  }
}

std::pair<std::string, std::string> parse_assignment(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
    throw Error(Error::Kind::usage, "--env takes VAR=NAME, not " + in_quotes(text),
                "as in --env GH_TOKEN=github: the variable, then the credential's name");
  }
  return {text.substr(0, equals), text.substr(equals + 1)};
}

// Each command's declaration. The parse functions and options_of() share them.

Declaration declare(InitArguments& to) {
  Declaration d("init", "[--key keyfile|passphrase|keyring]",
                "Make the vault. One that is there is never overwritten.",
                "standin init && standin add github");
  declare_key(d, to);
  return d;
}

Declaration declare_add(ScopeArguments& to) {
  Declaration d("add", "NAME [OPTION]...",
                "Store a credential. A name that is a provider's takes that provider's defaults; an option\n"
                "given replaces the default of its kind. Without --from the secret is read from stdin, or\n"
                "from a hidden prompt on a terminal.",
                "standin add my-api --origin api.example.com --env MY_API_TOKEN --from file:token.txt");
  declare_scope(d, to);
  declare_source(d, to.source);
  return d;
}

Declaration declare_edit(ScopeArguments& to) {
  Declaration d("edit", "NAME [OPTION]...",
                "Change what a credential may be used for; its secret stays. An option given replaces all\n"
                "there is of its kind; --provider starts from that provider's defaults.",
                "standin edit my-api --origin api.example.com --origin eu.example.com --no-for");
  declare_scope(d, to);
  declare_removals(d, to);
  return d;
}

Declaration declare(RotateArguments& to) {
  Declaration d("rotate", "NAME [--from SOURCE]",
                "Put a new secret into a credential, with the same scope. Running children use it from\n"
                "their next request on.",
                "standin rotate github --from 'cmd:op read op://dev/github/token'");
  d.positional("NAME", Need::required, to.name);
  declare_source(d, to.source);
  return d;
}

void declare_list_options(Declaration& d, ListArguments& to) {
  d.format(to.format);
  d.flag("--names", "Print the names alone, one a line", [&to] { to.show = ListArguments::Show::names; });
}

Declaration declare(ListArguments& to) {
  Declaration d("list", "[--json] [--names]", "List the credentials, with scope, age and last use.",
                "standin list --json | jq -r '.[].name'");
  declare_list_options(d, to);
  return d;
}

Declaration declare_show(NameArguments& to) {
  Declaration d("show", "NAME [--json]", "Show all that is known of a credential, but never its secret.",
                "standin show github");
  d.positional("NAME", Need::required, to.name);
  d.format(to.format);
  return d;
}

Declaration declare(RenameArguments& to) {
  Declaration d("rename", "OLD NEW", "Give a credential another name.",
                "standin rename github github-private");
  d.positional("OLD", Need::required, to.old_name);
  d.positional("NEW", Need::required, to.new_name);
  return d;
}

Declaration declare_remove(NameArguments& to) {
  Declaration d("remove", "NAME", "Take a credential and its secret out of the vault.",
                "standin remove github");
  d.positional("NAME", Need::required, to.name);
  return d;
}

Declaration declare(RunArguments& to, std::vector<std::string>& assignments) {
  Declaration d("run", "[OPTION]... -- COMMAND [ARG]...",
                "Run COMMAND with stand-ins where its secrets would be.",
                "standin run -- npx -y @modelcontextprotocol/server-github");
  d.values("--with", "NAME", "Give it this credential, and only those that are named", to.with);
  d.flag("--all", "Give it all credentials", [&to] { to.all = Everything::yes; });
  d.values("--env", "VAR=NAME", "Set one more variable to this credential's stand-in", assignments);
  d.value(
      "--capture", "HOW",
      "auto (the default): by the kernel, where it can; kernel: or not at all; env: by proxy variables alone",
      [&to](const std::string& how) {
        if (how == "auto") {
          to.capture = CaptureWish::automatic;
        } else if (how == "kernel") {
          to.capture = CaptureWish::kernel;
        } else if (how == "env") {
          to.capture = CaptureWish::environment;
        } else {
          bad_choice("--capture", "auto, env or kernel");
        }
      });
  d.value("--egress", "MODE", "guarded (the default), locked or open: what it may reach",
          [&to](const std::string& mode) {
            if (mode != "guarded" && mode != "locked" && mode != "open")
              bad_choice("--egress", "guarded, locked or open");
            to.egress = mode;
          });
  d.values("--allow-net", "NET", "Let it reach this private address, range or host", to.allow_net);
  return d;
}

Declaration declare(AuditArguments& to, std::string& action) {
  Declaration d(
      "audit", "[verify] [OPTION]...",
      "Ask the log what was used where, oldest first. 'audit verify' checks that nothing of it was\n"
      "changed, and exits with 1 where it was.",
      "standin audit --since 1h --credential github");
  d.positional("verify", Need::optional, action);
  d.value("--since", "TIME", "30m, 1h, 2d, or a time as 2025-06-01T12:00:00Z",
          [&to](const auto& t) { to.since = t; });
  d.value("--credential", "NAME", "Records of this credential", [&to](const auto& t) { to.credential = t; });
  d.value("--origin", "HOST", "Records of this origin or host", [&to](const auto& t) { to.origin = t; });
  d.value("--outcome", "OUTCOME", "ok, failed, refused, a status, or a reason",
          [&to](const auto& t) { to.outcome = t; });
  d.value("--run", "ID", "Records of this run; its first characters will do",
          [&to](const auto& t) { to.run = t; });
  d.flag("--follow", "Go on with new records as they are written",
         [&to] { to.action = AuditArguments::Action::follow; });
  d.format(to.format);
  return d;
}

Declaration declare(ProvidersArguments& to) {
  Declaration d("providers", "[NAME] [--json]", "List the built-in catalogue, or show one entry of it.",
                "standin providers github");
  d.positional("NAME", Need::optional, to.name);
  declare_list_options(d, to.list);
  return d;
}

Declaration declare_doctor(PlainArguments& to) {
  Declaration d("doctor", "[--json]",
                "Check the vault, its key, permissions, log, kernel, trust roots and clock.",
                "standin doctor");
  d.format(to.format);
  return d;
}

Declaration declare_demo() {
  return {"demo", "", "Show the whole way on an embedded origin with a throw-away vault.", "standin demo"};
}

Declaration declare_completion(std::string& shell) {
  Declaration d("completion", "bash|zsh|fish", "Print the completion script of a shell.",
                "standin completion bash > ~/.local/share/bash-completion/completions/standin");
  d.positional("SHELL", Need::required, shell);
  return d;
}

Declaration declare_version(PlainArguments& to) {
  Declaration d("version", "[--json]", "Print the version.", "standin version");
  d.format(to.format);
  return d;
}

Declaration declare_help(std::string& command) {
  Declaration d("help", "[COMMAND]", "Show the commands, or one command's help.", "standin help add");
  d.positional("COMMAND", Need::optional, command);
  return d;
}

template <class Arguments, class Declare>
Arguments parsed(Words words, Declare declaration) {
  Arguments arguments;
  declaration(arguments).parse(words);
  return arguments;
}

}  // namespace

InitArguments parse_init(Words words) {
  return parsed<InitArguments>(words, [](auto& to) { return declare(to); });
}

ScopeArguments parse_add(Words words) { return parsed<ScopeArguments>(words, declare_add); }

ScopeArguments parse_edit(Words words) {
  auto arguments = parsed<ScopeArguments>(words, declare_edit);
  check_not_both(arguments);
  return arguments;
}

RotateArguments parse_rotate(Words words) {
  return parsed<RotateArguments>(words, [](auto& to) { return declare(to); });
}

ListArguments parse_list(Words words) {
  return parsed<ListArguments>(words, [](auto& to) { return declare(to); });
}

NameArguments parse_show(Words words) { return parsed<NameArguments>(words, declare_show); }

RenameArguments parse_rename(Words words) {
  return parsed<RenameArguments>(words, [](auto& to) { return declare(to); });
}

NameArguments parse_remove(Words words) { return parsed<NameArguments>(words, declare_remove); }

RunArguments parse_run(Words words) {
  RunArguments arguments;
  std::vector<std::string> assignments;
  Declaration declaration = declare(arguments, assignments);
  std::size_t command = declaration.leading_options(words);
  declaration.parse(words.first(command));
  if (command < words.size() && words[command] == "--") ++command;
  arguments.command.assign(words.begin() + static_cast<std::ptrdiff_t>(command), words.end());
  for (const std::string& text : assignments) arguments.variables.push_back(parse_assignment(text));
  if (arguments.command.empty()) {
    throw Error(Error::Kind::usage, "no command to run",
                "as in 'standin run -- npx -y @modelcontextprotocol/server-github'");
  }
  if (arguments.all == Everything::yes && !arguments.with.empty()) {
    throw Error(Error::Kind::usage, "--all and --with exclude each other");
  }
  return arguments;
}

AuditArguments parse_audit(Words words) {
  AuditArguments arguments;
  std::string action;
  declare(arguments, action).parse(words);
  if (action.empty()) return arguments;
  if (action != "verify") {
    throw Error(Error::Kind::usage, "audit knows no " + in_quotes(action),
                "'standin audit' asks the log, 'standin audit verify' checks it");
  }
  const bool asks =
      !(arguments.since + arguments.credential + arguments.origin + arguments.outcome + arguments.run)
           .empty();
  if (asks || arguments.action == AuditArguments::Action::follow) {
    throw Error(Error::Kind::usage, "audit verify checks the whole log: it takes only --json");
  }
  arguments.action = AuditArguments::Action::verify;
  return arguments;
}

ProvidersArguments parse_providers(Words words) {
  return parsed<ProvidersArguments>(words, [](auto& to) { return declare(to); });
}

PlainArguments parse_doctor(Words words) { return parsed<PlainArguments>(words, declare_doctor); }

void parse_demo(Words words) { declare_demo().parse(words); }

std::string parse_completion(Words words) { return parsed<std::string>(words, declare_completion); }

PlainArguments parse_version(Words words) { return parsed<PlainArguments>(words, declare_version); }

std::string parse_help(Words words) { return parsed<std::string>(words, declare_help); }

std::vector<OptionSummary> options_of(std::string_view command) {
  InitArguments init;
  ScopeArguments scope;
  RotateArguments rotate;
  ListArguments list;
  NameArguments name;
  RunArguments run;
  AuditArguments audit;
  ProvidersArguments providers;
  PlainArguments plain;
  std::vector<std::string> assignments;
  std::string text;
  if (command == "init") return declare(init).options();
  if (command == "add") return declare_add(scope).options();
  if (command == "edit") return declare_edit(scope).options();
  if (command == "rotate") return declare(rotate).options();
  if (command == "list") return declare(list).options();
  if (command == "show") return declare_show(name).options();
  if (command == "run") return declare(run, assignments).options();
  if (command == "audit") return declare(audit, text).options();
  if (command == "providers") return declare(providers).options();
  if (command == "doctor") return declare_doctor(plain).options();
  if (command == "version") return declare_version(plain).options();
  return declare_demo().options();  // --help alone
}

}  // namespace standin::cli
