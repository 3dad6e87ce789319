#include "cli/provider_commands.h"

#include <nlohmann/json.hpp>

#include "cli/credential_view.h"
#include "cli/exit_status.h"
#include "cli/scope.h"

namespace standin::cli {
namespace {

using broker::Provider;
using nlohmann::json;

std::vector<std::string> sites_of(const Provider& provider) {
  return provider.sites.empty() ? std::vector<std::string>{broker::Site{}.to_string()} : provider.sites;
}

std::vector<std::string> shapes_of(const Provider& provider) {
  std::vector<std::string> texts;
  for (const auto& shape : provider.shapes) {
    texts.push_back(shape_and_length(shape));
  }
  return texts;
}

json to_json(const Provider& provider) {
  return {{"name", provider.name},         {"title", provider.title},         {"origins", provider.origins},
          {"sites", sites_of(provider)},   {"variables", provider.variables}, {"for", provider.commands},
          {"shapes", shapes_of(provider)}, {"token_url", provider.token_url}, {"advice", provider.advice}};
}

void print_facts(const Provider& provider, Output& out) {
  Facts facts;
  facts.add("name", {provider.name});
  facts.add("title", {provider.title});
  facts.add("origins", provider.origins);
  facts.add("sites", sites_of(provider));
  facts.add("variables", provider.variables);
  facts.add("for", provider.commands);
  facts.add("secrets", shapes_of(provider));
  facts.add("token at", {provider.token_url});
  facts.add("advice", {provider.advice});
  facts.print(out);
}

void print_all(const ListArguments& how, Output& out) {
  if (how.show == ListArguments::Show::names) {
    for (const Provider& provider : broker::providers()) out.line(provider.name);
  } else if (how.format == Format::json) {
    auto all = json::array();
    for (const Provider& provider : broker::providers()) all.push_back(to_json(provider));
    print_json(all, out);
  } else {
    Table table({"NAME", "TITLE", "ORIGINS", "ENV"});
    for (const Provider& provider : broker::providers()) {
      table.add({provider.name, provider.title, shortened(provider.origins), shortened(provider.variables)});
    }
    table.print(out);
  }
}

}  // namespace

int providers_command(const ProvidersArguments& arguments, Output& out) {
  if (arguments.name.empty()) {
    print_all(arguments.list, out);
    return exit_ok;
  }
  const Provider& provider = known_provider(arguments.name);
  if (arguments.list.format == Format::json) {
    print_json(to_json(provider), out);
  } else {
    print_facts(provider, out);
  }
  return exit_ok;
}

}  // namespace standin::cli
