#include "broker/selection.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "broker/catalogue.h"

namespace standin::broker {
namespace {

constexpr std::size_t listed_names = 20;

std::string names_of(const std::vector<vault::Entry>& entries) {
  std::string text;
  for (std::size_t i = 0; i < entries.size() && i < listed_names; ++i) {
    text += (i == 0 ? "" : ", ") + entries[i].name;
  }
  return entries.size() > listed_names ? text + ", ..." : text;
}

/// Names that were asked for and the vault has. A name that it doesn't have may be anything, so its quotation
/// is the vault's own check of it.
std::set<std::string> asked_for(const vault::Vault& vault, const Selection& selection) {
  std::set<std::string> names(selection.with.begin(), selection.with.end());
  for (const auto& [variable, name] : selection.variables) names.insert(name);
  for (const std::string& name : names) {
    vault::check_name(name);
    if (!vault.find(name)) {
      throw Error(Error::Kind::unknown_credential, "no credential named \"" + name + "\"",
                  "add it with 'standin add " + name + "', or see 'standin list'");
    }
  }
  return names;
}

[[noreturn]] void throw_nothing_meant(const std::vector<vault::Entry>& entries, std::string_view program) {
  if (entries.empty()) {
    throw Error(Error::Kind::no_credentials, "the vault has no credentials",
                "add one with 'standin add NAME'");
  }
  throw Error(Error::Kind::no_credentials,
              "no credential is meant for \"" + std::string(program) + "\"; there are " + names_of(entries),
              "choose with --with NAME or --all, or mark one with 'standin edit NAME --for GLOB'");
}

/// VAR goes to NAME and to nobody else.
void give_variable(std::vector<Credential>& credentials, const std::string& variable, std::string_view name) {
  for (Credential& credential : credentials) {
    std::erase(credential.variables, variable);
    if (credential.name == name) credential.variables.push_back(variable);
  }
}

/// Which of two stand-ins a variable gets must not depend on their order.
void check_variables(const std::vector<Credential>& credentials) {
  std::map<std::string_view, std::string_view> owners;
  for (const Credential& credential : credentials) {
    for (const std::string& variable : credential.variables) {
      const auto [owner, first] = owners.emplace(variable, credential.name);
      if (first || owner->second == credential.name) continue;
      throw Error(
          Error::Kind::bad_scope,
          "both \"" + std::string(owner->second) + "\" and \"" + credential.name + "\" would set " + variable,
          "choose with --with NAME, or say whose it is with --env " + variable + "=NAME");
    }
  }
}

}  // namespace

const std::string* glob_for_command(const Credential& credential, std::span<const std::string> command) {
  const Provider* provider = find_provider(credential.provider);
  for (const auto* globs : {&credential.commands, provider ? &provider->commands : nullptr}) {
    if (!globs) continue;
    const auto found = std::ranges::find_if(
        *globs, [command](const std::string& glob) { return is_for_command(glob, command); });
    if (found != globs->end()) return &*found;
  }
  return nullptr;
}

std::vector<Credential> select_credentials(const vault::Vault& vault, const Selection& selection,
                                           std::span<const std::string> command) {
  const auto names = asked_for(vault, selection);
  const auto entries = vault.entries();
  std::vector<Credential> chosen;
  for (const vault::Entry& entry : entries) {
    const bool named = names.contains(entry.name);
    // With --with nothing else is looked at: a scope that a later standin wrote is in nobody's way.
    if (!named && !selection.all && !selection.with.empty()) continue;
    Credential credential = Credential::from_scope(entry.name, entry.scope);
    if (named || selection.all || glob_for_command(credential, command) != nullptr)
      chosen.push_back(std::move(credential));
  }
  if (chosen.empty()) throw_nothing_meant(entries, command.empty() ? "" : command.front());
  for (const auto& [variable, name] : selection.variables) {
    give_variable(chosen, parse_variable(variable), name);
  }
  check_variables(chosen);
  return chosen;
}

}  // namespace standin::broker
