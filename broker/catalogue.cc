#include "broker/catalogue.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "proxy/ascii.h"

namespace standin::broker {

// Of the file that the build makes of broker/catalogue/*.json.
std::span<const std::string_view> catalogue_data();

namespace {

using nlohmann::json;

using proxy::is_alnum;
using proxy::is_digit;
/// Throws where the data is not an entry; a test reads them all, so a released binary has none that is not.
Provider read_provider(std::string_view text) {
  const json entry = json::parse(text);
  Provider provider{.name = entry.at("name"),
                    .title = entry.at("title"),
                    .origins = entry.at("origins"),
                    .sites = entry.at("sites"),
                    .variables = entry.at("variables"),
                    .commands = entry.at("commands"),
                    .shapes = {},
                    .token_url = entry.at("token_url"),
                    .advice = entry.at("advice")};
  for (const json& shape : entry.at("shapes"))
    provider.shapes.push_back(
        {.prefix = shape.at("prefix"), .alphabet = shape.at("alphabet"), .length = shape.at("length")});
  return provider;
}

std::vector<Provider> read_providers() {
  std::vector<Provider> all;
  for (const std::string_view text : catalogue_data()) all.push_back(read_provider(text));
  std::ranges::sort(all, {}, &Provider::name);
  return all;
}

/// What is left of `secret` after `prefix`; a run of digits there stands for any letters and digits.
std::optional<std::string_view> after_prefix(std::string_view secret, std::string_view prefix) noexcept {
  while (!prefix.empty()) {
    if (is_digit(prefix.front())) {
      prefix.remove_prefix(std::min(prefix.find_first_not_of("0123456789"), prefix.size()));
      const auto run = std::ranges::find_if_not(secret, is_alnum) - secret.begin();
      if (run == 0) return std::nullopt;
      secret.remove_prefix(static_cast<std::size_t>(run));
      continue;
    }
    if (secret.empty() || secret.front() != prefix.front()) return std::nullopt;
    secret.remove_prefix(1);
    prefix.remove_prefix(1);
  }
  return secret;
}

bool is_of_alphabet(char c, std::string_view alphabet) noexcept {
  if (alphabet == "digits") return is_digit(c);
  if (alphabet == "hex") return proxy::hex_value(c) >= 0;
  if (alphabet == "upper_alnum") return is_digit(c) || proxy::is_upper(c);
  // Real ones of that kind are base64 in either alphabet, or several joined with dots.
  const bool mark = alphabet == "base64url" && std::string_view("-_+/=.").find(c) != std::string_view::npos;
  return is_alnum(c) || mark;
}

bool looks_like(std::string_view secret, const Shape& shape) noexcept {
  const auto rest = after_prefix(secret, shape.prefix);
  return rest && rest->size() >= shape.length / 4 && rest->size() <= shape.length * 2 &&
         std::ranges::all_of(*rest, [&](char c) { return is_of_alphabet(c, shape.alphabet); });
}

}  // namespace

const std::vector<Provider>& providers() {
  static const std::vector<Provider> all = read_providers();
  return all;
}

const Provider* find_provider(std::string_view name) {
  const auto& all = providers();
  const auto found =
      std::ranges::lower_bound(all, name, {}, [](const Provider& p) { return std::string_view(p.name); });
  return found != all.end() && found->name == name ? &*found : nullptr;
}

Credential from_provider(std::string_view name, const Provider& provider) {
  Credential credential;
  credential.name = name;
  credential.provider = provider.name;
  for (const auto& text : provider.origins) credential.origins.push_back(parse_origin(text));
  for (const auto& text : provider.sites) credential.sites.push_back(Site::parse(text));
  if (credential.sites.empty()) credential.sites.emplace_back();
  for (const auto& text : provider.variables) credential.variables.push_back(parse_variable(text));
  for (const auto& text : provider.commands) credential.commands.push_back(parse_command_glob(text));
  if (!provider.shapes.empty()) credential.shape = provider.shapes.front();
  return credential;
}

std::optional<Shape> shape_of(const vault::Secret& secret, const Provider& provider) {
  return secret.reveal([&](std::span<const std::byte> bytes) -> std::optional<Shape> {
    // A view of the secret's own memory; what is returned is the catalogue's.
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const auto shape =
        std::ranges::find_if(provider.shapes, [&](const Shape& s) { return looks_like(text, s); });
    if (shape == provider.shapes.end()) return std::nullopt;
    return *shape;
  });
}

}  // namespace standin::broker
