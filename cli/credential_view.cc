#include "cli/credential_view.h"

#include <nlohmann/json.hpp>

#include "cli/times.h"

namespace standin::cli {
namespace {

using nlohmann::json;
using std::chrono::system_clock;

std::vector<std::string> or_dash(std::vector<std::string> texts) {
  if (texts.empty()) texts.emplace_back("-");
  return texts;
}

std::string age_of(const std::optional<std::string>& time) {
  if (!time) return "never";
  const auto parsed = parse_rfc3339(*time);
  return parsed ? age(*parsed, system_clock::now()) : *time;
}

std::string age_and_time(std::chrono::sys_seconds time) {
  return age(time, system_clock::now()) + " (" + local_time(time) + ")";
}

std::string last_use_and_time(const std::optional<std::string>& time) {
  const auto parsed = time ? parse_rfc3339(*time) : std::nullopt;
  return parsed ? age(*parsed, system_clock::now()) + " (" + local_time(*parsed) + ")" : age_of(time);
}

Facts scope_facts(const broker::Credential& credential) {
  Facts facts;
  facts.add("provider", {credential.provider.empty() ? "-" : credential.provider});
  facts.add("origins", origin_texts(credential));
  facts.add("sites", site_texts(credential));
  facts.add("variables", or_dash(credential.variables));
  facts.add("for", or_dash(credential.commands));
  if (credential.scrubbing == broker::Scrubbing::lenient)
    facts.add("scrubbing", {"none: responses may have the secret"});
  return facts;
}

}  // namespace

std::string shortened(const std::vector<std::string>& texts) {
  if (texts.empty()) return "-";
  return texts.size() == 1 ? texts.front() : texts.front() + " +" + std::to_string(texts.size() - 1);
}

std::string listed(const std::vector<std::string>& texts) {
  constexpr std::size_t shown = 3;
  std::string all;
  for (std::size_t i = 0; i < texts.size() && i < shown; ++i) {
    const bool last = i + 1 == texts.size();
    all += (i == 0 ? "" : last ? " and " : ", ") + texts[i];
  }
  return texts.size() > shown ? all + " and " + std::to_string(texts.size() - shown) + " more" : all;
}

std::string shape_text(const broker::Shape& shape) {
  constexpr std::size_t long_number = 6;
  std::size_t digits = 0;
  std::size_t end = 0;
  for (; end < shape.prefix.size() && digits < long_number; ++end) {
    digits = shape.prefix[end] >= '0' && shape.prefix[end] <= '9' ? digits + 1 : 0;
  }
  if (digits == long_number) end -= long_number;
  return (end == 0 ? shape.prefix : shape.prefix.substr(0, end)) + "…";
}

std::string shape_and_length(const broker::Shape& shape) {
  return shape_text(shape) + ", " + std::to_string(shape.prefix.size() + shape.length) + " characters";
}

std::vector<std::string> origin_texts(const broker::Credential& credential) {
  std::vector<std::string> texts;
  for (const auto& origin : credential.origins) texts.push_back(origin.to_string());
  return texts;
}

std::vector<std::string> site_texts(const broker::Credential& credential) {
  std::vector<std::string> texts;
  for (const auto& site : credential.sites) texts.push_back(site.to_string());
  return texts;
}

void print_table(const std::vector<CredentialView>& views, Output& out) {
  Table table({"NAME", "PROVIDER", "ORIGINS", "SITES", "ENV", "AGE", "LAST USE"});
  for (const auto& [credential, entry, last_use] : views) {
    table.add({entry.name, credential.provider.empty() ? "-" : credential.provider,
               shortened(origin_texts(credential)), shortened(site_texts(credential)),
               shortened(credential.variables), age(entry.rotated, system_clock::now()), age_of(last_use)});
  }
  table.print(out);
}

void print_scope(const broker::Credential& credential, Output& out) { scope_facts(credential).print(out); }

void print_facts(const CredentialView& view, Output& out) {
  const auto& [credential, entry, last_use] = view;
  Facts facts;
  facts.add("name", {entry.name});
  facts.append(scope_facts(credential));
  facts.add("stand-in", {credential.shape.length == 0 ? "standin_ and 32 characters"
                                                      : shape_and_length(credential.shape)});
  facts.add("created", {age_and_time(entry.created)});
  facts.add("secret set", {age_and_time(entry.rotated)});
  facts.add("version", {std::to_string(entry.version)});
  facts.add("last use", {last_use_and_time(last_use)});
  facts.print(out);
}

json to_json(const CredentialView& view) {
  const auto& [credential, entry, last_use] = view;
  return {{"name", entry.name},
          {"provider", credential.provider.empty() ? json() : json(credential.provider)},
          {"origins", origin_texts(credential)},
          {"sites", site_texts(credential)},
          {"variables", credential.variables},
          {"for", credential.commands},
          {"scrub", credential.scrubbing == broker::Scrubbing::strict},
          {"version", entry.version},
          {"created", rfc3339(entry.created)},
          {"rotated", rfc3339(entry.rotated)},
          {"last_use", last_use ? json(*last_use) : json()}};
}

void print_json(const json& value, Output& out) {
  out.line(value.dump(2, ' ', false, json::error_handler_t::replace));
}

}  // namespace standin::cli
