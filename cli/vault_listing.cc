#include <unistd.h>

#include <nlohmann/json.hpp>

#include "broker/audit_query.h"
#include "cli/credential_view.h"
#include "cli/exit_status.h"
#include "cli/messages.h"
#include "cli/open_vault.h"
#include "cli/vault_commands.h"

namespace standin::cli {
namespace {

using LastUses = std::vector<std::optional<std::string>>;

/// A log that can't be read is told of, and hides no credential.
LastUses last_uses_or_warn(const Places& places, const std::vector<std::string>& names) {
  try {
    return broker::last_uses(places.audit, names);
  } catch (const broker::Error& error) {
    print_warning(std::string("the last uses are not known: ") + error.what(), error.hint());
    return LastUses(names.size());
  }
}

std::vector<CredentialView> views_of(const std::vector<vault::Entry>& entries, const Places& places) {
  std::vector<std::string> names;
  for (const auto& entry : entries) names.push_back(entry.name);
  const LastUses uses = last_uses_or_warn(places, names);
  std::vector<CredentialView> views;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    views.push_back({broker::Credential::from_scope(entries[i].name, entries[i].scope), entries[i], uses[i]});
  }
  return views;
}

}  // namespace

int list_command(const ListArguments& arguments, Output& out) {
  const Places places = Places::find();
  const auto entries = open_vault(places).entries();
  if (arguments.show == ListArguments::Show::names) {
    for (const auto& entry : entries) out.line(entry.name);
    return exit_ok;
  }
  const auto views = views_of(entries, places);
  if (arguments.format == Format::json) {
    auto all = nlohmann::json::array();
    for (const auto& view : views) all.push_back(to_json(view));
    print_json(all, out);
  } else if (views.empty()) {
    print_hint("the vault is empty: add a credential with 'standin add github'");
  } else {
    print_table(views, out);
  }
  return exit_ok;
}

int show_command(const NameArguments& arguments, Output& out) {
  const Places places = Places::find();
  const auto vault = open_vault(places);
  const auto view = views_of({existing_entry(vault, arguments.name)}, places).front();
  if (arguments.format == Format::json) {
    print_json(to_json(view), out);
  } else {
    print_facts(view, out);
  }
  return exit_ok;
}

}  // namespace standin::cli
