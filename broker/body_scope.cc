#include "broker/body_scope.h"

#include <algorithm>

namespace standin::broker {
namespace {

std::vector<std::string_view> texts_of(std::span<const BoundStandIn> stand_ins) {
  std::vector<std::string_view> texts;
  for (const BoundStandIn& s : stand_ins) texts.push_back(s.stand_in);
  return texts;
}

}  // namespace

void BodySites::add(std::string_view name, std::size_t credential, std::size_t credentials) {
  std::size_t at = find(name);
  if (at == none) {
    at = names.size();
    names.emplace_back(name);
    belongs.emplace_back(credentials);
  }
  belongs[at][credential] = true;
}

std::size_t BodySites::find(std::string_view name) const noexcept {
  const auto at = std::ranges::find(names, name);
  return at == names.end() ? none : static_cast<std::size_t>(at - names.begin());
}

BodyScope::BodyScope(std::span<const BoundStandIn> stand_ins) : recogniser(texts_of(stand_ins)) {
  for (std::size_t i = 0; i < stand_ins.size(); ++i) {
    const Credential& credential = credentials.emplace_back(*stand_ins[i].credential);
    for (const Site& site : credential.sites) {
      if (site.kind == Site::Kind::form) form.add(site.name, i, stand_ins.size());
      if (site.kind == Site::Kind::json) json.add(site.name, i, stand_ins.size());
      if (site.kind == Site::Kind::ws_text) text.add({}, i, stand_ins.size());
    }
  }
}

bool BodyScope::any_bound(const BodySites& sites, const proxy::Origin& origin) const noexcept {
  for (const auto& belongs : sites.belongs) {
    for (std::size_t i = 0; i < belongs.size(); ++i) {
      if (belongs[i] && credentials[i].is_bound_to(origin)) return true;
    }
  }
  return false;
}

}  // namespace standin::broker
