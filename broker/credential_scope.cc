// A credential's scope as the vault seals it: JSON, so that a later version can add to it. No secret is ever
// in it.

#include <nlohmann/json.hpp>

#include "broker/credential.h"
#include "proxy/error.h"
#include "proxy/quoted.h"

namespace standin::broker {
namespace {

using nlohmann::json;

constexpr int format_version = 1;
constexpr std::size_t largest_scope = 64 * 1024;
constexpr std::size_t most_entries = 1000;   // of each list
constexpr std::size_t longest_shape = 1024;  // a stand-in of a megabyte would not fit an environment

[[noreturn]] void refuse(std::string_view name, const std::string& reason, std::string hint = {}) {
  throw Error(Error::Kind::bad_record,
              "can't read the scope of credential " + proxy::quoted(name) + ": " + reason, std::move(hint));
}

std::vector<std::string> strings(const json& scope, const char* key) {
  auto list = scope.at(key).get<std::vector<std::string>>();
  if (list.size() > most_entries)
    throw Error(Error::Kind::bad_record, std::string(key) + " has over 1000 entries");
  return list;
}

void check_version(std::string_view name, const json& scope) {
  const auto version = scope.find("version");
  if (version == scope.end() || !version->is_number_integer()) refuse(name, "it has no version");
  if (*version != format_version)
    refuse(name, "its format is version " + version->dump() + ", and this standin reads version 1",
           "use the standin that wrote it, or a newer one");
}

Shape shape_of_scope(const json& shape) {
  Shape result{.prefix = shape.at("prefix"), .alphabet = shape.at("alphabet"), .length = 0};
  // The type first: converting 1e300 to an integer is undefined.
  const json& length = shape.at("length");
  const bool fits = length.is_number_unsigned() && length.get<std::uint64_t>() <= longest_shape;
  if (!fits || result.prefix.size() > longest_shape)
    throw Error(Error::Kind::bad_record, "its shape is out of bounds");
  result.length = length.get<std::size_t>();
  return result;
}

Credential read(std::string_view name, const json& scope) {
  Credential credential;
  credential.name = name;
  credential.provider = scope.at("provider");
  for (const auto& text : strings(scope, "origins"))
    credential.origins.push_back(proxy::OriginPattern::parse(text));
  for (const auto& text : strings(scope, "sites")) credential.sites.push_back(Site::parse(text));
  for (const auto& text : strings(scope, "variables")) credential.variables.push_back(parse_variable(text));
  for (const auto& text : strings(scope, "commands")) credential.commands.push_back(parse_command_glob(text));
  credential.shape = shape_of_scope(scope.at("shape"));
  if (scope.value("scrub", true) == false) credential.scrubbing = Scrubbing::lenient;
  if (credential.origins.empty()) throw Error(Error::Kind::bad_record, "it has no origin");
  if (credential.sites.empty()) throw Error(Error::Kind::bad_record, "it has no site");
  return credential;
}

}  // namespace

std::string Credential::to_scope() const {
  json origin_texts = json::array();
  for (const auto& pattern : origins) origin_texts.push_back(pattern.to_string());
  json site_texts = json::array();
  for (const auto& site : sites) site_texts.push_back(site.to_string());
  json scope{
      {"version", format_version},
      {"provider", provider},
      {"origins", std::move(origin_texts)},
      {"sites", std::move(site_texts)},
      {"variables", variables},
      {"commands", commands},
      {"shape", {{"prefix", shape.prefix}, {"alphabet", shape.alphabet}, {"length", shape.length}}},
  };
  // Only where it is not the default: a standin that does not know it scrubs, which loses nothing.
  if (scrubbing == Scrubbing::lenient) scope["scrub"] = false;
  return scope.dump();
}

Credential Credential::from_scope(std::string_view name, std::string_view scope) {
  if (scope.size() > largest_scope) refuse(name, "it is over 64 KiB");
  const json parsed = json::parse(scope, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) refuse(name, "it is not a JSON object");
  check_version(name, parsed);
  try {
    return read(name, parsed);
  } catch (const json::exception&) {
    refuse(name, "a member is missing or of the wrong type");  // the library's text would quote the record
  } catch (const Error& error) {
    refuse(name, error.what(), error.hint());
  } catch (const proxy::Error& error) {
    refuse(name, error.what(), error.hint());
  }
}

}  // namespace standin::broker
