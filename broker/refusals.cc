#include "broker/refusals.h"

#include <string>

namespace standin::broker {
namespace {

constexpr std::size_t shown = 4;  // origins or sites in a message; the rest is counted

/// "a, b and c", or "a, b, c, d and 3 more".
std::string listed(const auto& items) {
  std::string text;
  for (std::size_t i = 0; i < items.size() && i < shown; ++i) {
    if (i != 0) text += i + 1 == items.size() ? " and " : ", ";
    text += items[i].to_string();
  }
  if (items.size() > shown) text += " and " + std::to_string(items.size() - shown) + " more";
  return text;
}

/// The edit that would let it through. It says every value again, because a flag given replaces all of its
/// kind.
std::string edit(const std::string& name, std::string_view flag, const auto& items, std::string_view more) {
  std::string text = "if that is meant, 'standin edit " + name;
  if (items.size() > shown) return text.append(flag).append("...' with all of its values and ").append(more);
  for (const auto& item : items) text.append(flag).append(item.to_string());
  return text.append(flag).append(more).append("'");
}

// A credential's name is plain ASCII (vault::check_name), and is shown whole.
std::string quoted(std::string_view name) { return std::string("\"").append(name).append("\""); }

}  // namespace

proxy::Refusal wrong_origin(const Credential& credential, std::string_view site,
                            const proxy::Origin& origin) {
  return {403, "wrong_origin",
          "credential " + quoted(credential.name) + " stands in " + std::string(site) + " of a request to " +
              origin.to_string() + ", but it belongs to " + listed(credential.origins),
          edit(credential.name, " --origin ", credential.origins, origin.to_string())};
}

proxy::Refusal wrong_site(const Credential& credential, std::string_view site) {
  return {403, "wrong_site",
          "credential " + quoted(credential.name) + " stands in " + std::string(site) +
              ", but its sites are " + listed(credential.sites),
          edit(credential.name, " --site ", credential.sites, site)};
}

proxy::Refusal removed_credential(std::string_view name) {
  return {403, "denied_by_rule", "credential " + quoted(name) + " is no longer in the vault",
          "add it again, then start the command again"};
}

proxy::Refusal echoing_method(std::string_view name, std::string_view method) {
  return {403, "denied_by_rule",
          "credential " + quoted(name) + " stands in a " + std::string(method) +
              " request, which the origin would send back with the secret in it",
          "use another method, or leave the credential out"};
}

proxy::Refusal unusable_secret(std::string_view name, std::string_view site, Unusable reason) {
  return {502, "secret_unusable",
          "the secret of " + quoted(name) + " " + std::string(to_string(reason)) + ", which " +
              std::string(site) + " cannot carry",
          "store it as it is meant to be sent, with 'standin rotate " + std::string(name) + "'"};
}

proxy::Refusal unreadable_secret(std::string_view why, std::string_view hint) {
  return {502, "secret_unusable", "cannot open the secret: " + std::string(why), std::string(hint)};
}

proxy::Refusal audit_unavailable(std::string_view why, std::string_view hint) {
  return {503, "audit_unavailable", "nothing is sent that cannot be recorded: " + std::string(why),
          std::string(hint)};
}

}  // namespace standin::broker
