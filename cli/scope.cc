#include "cli/scope.h"

#include <algorithm>

#include "cli/credential_view.h"
#include "cli/error.h"
#include "cli/messages.h"
#include "cli/suggestion.h"

namespace standin::cli {
namespace {

using broker::Credential;

/// What the flags give replaces what there is, parsed and each only once.
template <class Value, class Parse>
void replace(std::vector<Value>& values, const ScopeArguments::Kind& kind, Parse parse) {
  if (!kind.said()) return;
  values.clear();
  for (const std::string& text : kind.values) {
    Value value = parse(text);
    if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(std::move(value));
  }
}

void apply(Credential& credential, const ScopeArguments& arguments) {
  replace(credential.origins, arguments.origins, broker::parse_origin);
  replace(credential.sites, arguments.sites, broker::Site::parse);
  replace(credential.variables, arguments.variables, broker::parse_variable);
  replace(credential.commands, arguments.commands, broker::parse_command_glob);
  if (credential.sites.empty()) credential.sites.push_back({});
  if (arguments.scrubbing) credential.scrubbing = *arguments.scrubbing;
}

bool is_space(std::byte b) { return b == std::byte{' '} || b == std::byte{'\t'}; }

bool is_control(std::byte b) { return b < std::byte{0x20} || b == std::byte{0x7f}; }

void warn_of_content(const vault::Secret& secret) {
  secret.reveal([](std::span<const std::byte> bytes) {
    if (std::any_of(bytes.begin(), bytes.end(), is_control)) {
      print_warning("the secret has a line break or another control byte in it: no header can carry it");
    } else if (is_space(bytes.front()) || is_space(bytes.back())) {
      print_warning("the secret begins or ends with a space, which is kept");
    }
  });
}

std::string shapes_of(const broker::Provider& provider) {
  std::string all;
  for (const auto& shape : provider.shapes) {
    if (shape.prefix.empty()) continue;
    all += (all.empty() ? "" : ", ") + shape_text(shape);
  }
  return all.empty() ? "" : " (" + all + ")";
}

}  // namespace

const broker::Provider& known_provider(const std::string& name) {
  if (const auto* provider = broker::find_provider(name)) return *provider;
  std::vector<std::string> names;
  for (const auto& provider : broker::providers()) names.push_back(provider.name);
  const std::string near = did_you_mean(name, names);
  throw broker::Error(broker::Error::Kind::unknown_provider, "no provider named " + in_quotes(name),
                      near.empty() ? "see 'standin providers'" : near);
}

Credential new_credential(const ScopeArguments& arguments) {
  Credential credential;
  if (arguments.provider) {
    credential = broker::from_provider(arguments.name, known_provider(*arguments.provider));
  } else if (const auto* provider = broker::find_provider(arguments.name)) {
    credential = broker::from_provider(arguments.name, *provider);
  }
  credential.name = arguments.name;
  apply(credential, arguments);
  if (credential.origins.empty()) {
    throw Error(
        Error::Kind::usage, in_quotes(arguments.name) + " is no provider's name, and so needs an --origin",
        "as in 'standin add " + printable(arguments.name, 80) + " --origin api.example.com --env API_TOKEN'");
  }
  return credential;
}

Credential changed_credential(const Credential& credential, const ScopeArguments& arguments) {
  Credential changed = credential;
  if (arguments.provider)
    changed = broker::from_provider(credential.name, known_provider(*arguments.provider));
  if (arguments.no_provider) {
    changed.provider.clear();
    changed.shape = {};
  }
  apply(changed, arguments);
  return changed;
}

void look_at_secret(Credential& credential, const vault::Secret& secret) {
  warn_of_content(secret);
  const auto* provider = credential.provider.empty() ? nullptr : broker::find_provider(credential.provider);
  if (provider == nullptr) return;
  if (const auto shape = broker::shape_of(secret, *provider)) {
    credential.shape = *shape;
  } else {
    print_warning("the secret does not look like one of " + provider->title + shapes_of(*provider),
                  "it is kept as it is; 'standin rotate " + credential.name + "' puts another in");
  }
}

}  // namespace standin::cli
