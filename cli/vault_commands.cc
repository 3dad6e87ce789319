#include "cli/vault_commands.h"

#include <unistd.h>

#include "cli/credential_view.h"
#include "cli/error.h"
#include "cli/exit_status.h"
#include "cli/messages.h"
#include "cli/open_vault.h"
#include "cli/recorded_change.h"
#include "cli/scope.h"
#include "cli/terminal.h"

namespace standin::cli {
namespace {

using vault::Vault;

void refuse_taken(const Vault& vault, const std::string& name, const std::string& hint) {
  if (!vault.find(name)) return;
  throw vault::Error(vault::Error::Kind::exists,
                     "there is a credential named " + in_quotes(name) + " already", hint);
}

bool will_prompt(const SecretSource& source) {
  return source.kind == SecretSource::Kind::unsaid && is_terminal(STDIN_FILENO);
}

/// What it is bound to, and where to make a token that can do little, told when it helps: before the prompt.
void advise(const broker::Credential& credential) {
  print_hint("the secret will be sent to " + listed(origin_texts(credential)) + ", and nowhere else");
  const auto* provider = credential.provider.empty() ? nullptr : broker::find_provider(credential.provider);
  if (provider == nullptr) return;
  if (!provider->token_url.empty()) print_hint("make a token at " + provider->token_url);
  print_hint(provider->advice);
}

/// The next thing to type, with the credential's own command where it is for one.
std::string how_to_use(const broker::Credential& credential) {
  if (credential.commands.empty()) return "standin run --with " + credential.name + " -- COMMAND";
  const std::string& first = credential.commands.front();
  const bool is_package = first.find('/') != std::string::npos && first.front() == '@';
  return "standin run -- " + (is_package ? "npx -y " + first : first);
}

/// A stand-in that no variable holds reaches no command: easily forgotten, and then hard to see.
void remind_of_variables(const broker::Credential& credential, Output& out) {
  if (!credential.variables.empty()) return;
  out.flush();
  print_hint("no variable gets its stand-in: name one with 'standin edit " + credential.name +
             " --env VAR', or for one run with 'standin run --env VAR=" + credential.name + "'");
}

/// "scope: origins, variables": what of the scope an edit touched, for the log.
std::string kinds_of(const ScopeArguments& arguments) {
  std::string kinds;
  const auto note = [&](bool said, std::string_view kind) {
    if (said) kinds.append(kinds.empty() ? "" : ", ").append(kind);
  };
  note(arguments.provider || arguments.no_provider, "provider");
  note(arguments.origins.said(), "origins");
  note(arguments.sites.said(), "sites");
  note(arguments.variables.said(), "variables");
  note(arguments.commands.said(), "commands");
  note(arguments.scrubbing.has_value(), "scrubbing");
  return kinds.empty() ? kinds : "scope: " + kinds;
}

}  // namespace

int init_command(const InitArguments& arguments, Output& out) {
  const Places places = Places::find();
  // First, so that a log that can't be is known of before there is a vault without one.
  make_private_folder(places.audit);
  const CreatedVault created = create_vault(places, arguments.key);
  make_recorded(created.vault, places,
                {.event = "vault_created", .command = "standin init", .credential = {}, .reason = {}}, [] {});
  Facts facts;
  facts.add("vault", {places.vault.native()});
  facts.add("key", {created.key});
  facts.add("audit log", {places.audit.native()});
  facts.print(out);
  out.flush();  // so that the hint stands below what it is about
  print_hint("add a credential with 'standin add github'");
  return exit_ok;
}

int add_command(const ScopeArguments& arguments, Output& out) {
  vault::check_name(arguments.name);
  broker::Credential credential = new_credential(arguments);
  const Places places = Places::find();
  Vault vault = open_vault(places);
  refuse_taken(vault, arguments.name,
               "put a new secret into it with 'standin rotate " + arguments.name + "'");
  const bool prompts = will_prompt(arguments.source);
  if (prompts) advise(credential);
  const auto secret = read_secret(arguments.source, "secret of " + arguments.name + ": ");
  look_at_secret(credential, secret);
  make_recorded(
      vault, places,
      {.event = "credential_added", .command = "standin add", .credential = arguments.name, .reason = {}},
      [&] { vault.add(arguments.name, credential.to_scope(), secret); });
  out.line("added " + arguments.name);
  print_scope(credential, out);
  remind_of_variables(credential, out);
  if (prompts) {
    out.flush();
    print_hint("use it with '" + how_to_use(credential) + "'");
  }
  return exit_ok;
}

int edit_command(const ScopeArguments& arguments, Output& out) {
  const std::string kinds = kinds_of(arguments);
  if (kinds.empty()) {
    throw Error(Error::Kind::usage, "nothing to change was given", "see 'standin edit --help'");
  }
  const Places places = Places::find();
  Vault vault = open_vault(places);
  const auto entry = existing_entry(vault, arguments.name);
  auto credential = changed_credential(broker::Credential::from_scope(entry.name, entry.scope), arguments);
  if (arguments.provider) look_at_secret(credential, vault.secret(entry.name));
  make_recorded(
      vault, places,
      {.event = "credential_changed", .command = "standin edit", .credential = entry.name, .reason = kinds},
      [&] { vault.replace_scope(entry.name, credential.to_scope()); });
  out.line("changed " + entry.name);
  print_scope(credential, out);
  remind_of_variables(credential, out);
  return exit_ok;
}

int rotate_command(const RotateArguments& arguments, Output& out) {
  const Places places = Places::find();
  Vault vault = open_vault(places);
  const auto entry = existing_entry(vault, arguments.name);
  auto credential = broker::Credential::from_scope(entry.name, entry.scope);
  if (will_prompt(arguments.source)) advise(credential);
  const auto secret = read_secret(arguments.source, "new secret of " + entry.name + ": ");
  if (secret == vault.secret(entry.name)) print_warning("the new secret is the old one");
  look_at_secret(credential, secret);
  make_recorded(
      vault, places,
      {.event = "credential_rotated", .command = "standin rotate", .credential = entry.name, .reason = {}},
      [&] { vault.replace_secret(entry.name, credential.to_scope(), secret); });
  out.line("rotated " + entry.name);
  return exit_ok;
}

int rename_command(const RenameArguments& arguments, Output& out) {
  vault::check_name(arguments.new_name);
  const Places places = Places::find();
  Vault vault = open_vault(places);
  const auto entry = existing_entry(vault, arguments.old_name);
  const std::string new_name = "renamed: " + arguments.new_name;
  refuse_taken(vault, arguments.new_name, "remove it first, or choose another name");
  make_recorded(vault, places,
                {.event = "credential_renamed",
                 .command = "standin rename",
                 .credential = entry.name,
                 .reason = new_name},
                [&] { vault.rename(entry.name, arguments.new_name); });
  out.line("renamed " + entry.name + " to " + arguments.new_name);
  return exit_ok;
}

int remove_command(const NameArguments& arguments, Output& out) {
  const Places places = Places::find();
  Vault vault = open_vault(places);
  const auto entry = existing_entry(vault, arguments.name);
  make_recorded(
      vault, places,
      {.event = "credential_removed", .command = "standin remove", .credential = entry.name, .reason = {}},
      [&] { vault.remove(entry.name); });
  out.line("removed " + entry.name);
  return exit_ok;
}

}  // namespace standin::cli
