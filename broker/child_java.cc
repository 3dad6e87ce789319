#include "broker/child_java.h"

#include <strings.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <system_error>

#include "broker/java_options.h"
#include "broker/run_file.h"
#include "proxy/java_keystore.h"
#include "proxy/java_truststore.h"

namespace standin::broker {
namespace {

namespace fs = std::filesystem;

using Certificates = std::vector<std::string>;

// In the order in which the JVM reads them: the last one that names a trust store counts.
constexpr std::array<const char*, 3> option_variables = {"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS",
                                                         "_JAVA_OPTIONS"};

constexpr std::uintmax_t largest_store = 16 * 1024 * 1024;

std::string* find(Environment& environment, std::string_view name) {
  const auto at = std::ranges::find(environment, name, &Environment::value_type::first);
  return at == environment.end() ? nullptr : &at->second;
}

std::optional<std::string> content(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return std::nullopt;  // opening a pipe would wait for its writer
  const auto size = fs::file_size(path, error);
  std::ifstream in(path, std::ios::binary);
  if (error || !in || size > largest_store) return std::nullopt;
  std::string bytes(size, '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(size));
  if (!in) return std::nullopt;
  return bytes;
}

bool is_known(const std::string& type) {
  return type.empty() || ::strcasecmp(type.c_str(), "JKS") == 0 || ::strcasecmp(type.c_str(), "PKCS12") == 0;
}

/// What Java trusts by the parent's own store. Nothing where there is no such file: Java trusts nothing then.
std::optional<Certificates> held_by(const JavaTrustStore& store) {
  std::error_code error;
  if (store.file == "NONE" || !is_known(store.type)) return std::nullopt;
  if (!fs::exists(store.file, error)) return Certificates();
  const auto bytes = content(store.file);
  if (!bytes) return std::nullopt;
  return proxy::trusted_in_java_keystore(*bytes, store.password);
}

/// A variable of the parent's, where there is one, and the store that it names.
struct Options {
  const char* variable;
  std::string text;
  JavaTrustStore store;
};

/// Absent where a JVM could not even read them.
std::optional<std::vector<Options>> options_of(Environment& environment) {
  std::vector<Options> all;
  for (const char* variable : option_variables) {
    const std::string* value = find(environment, variable);
    if (value == nullptr) continue;
    const auto words = java_words(*value);
    if (!words) return std::nullopt;
    all.push_back({variable, *value, java_trust_store(*words)});
  }
  return all;
}

void append(Environment& child, const char* variable, const std::string& options) {
  std::string* own = find(child, variable);
  if (own == nullptr) {
    child.emplace_back(variable, options);
  } else {
    *own += (own->empty() ? "" : " ") + options;
  }
}

}  // namespace

void set_java(Environment& child, const RunFacts& facts, const fs::path& roots) {
  const auto parents = options_of(child);
  if (!parents) return;
  const auto counts = std::ranges::find_if(
      parents->rbegin(), parents->rend(), [](const Options& options) { return !options.store.file.empty(); });
  Certificates more;
  if (counts != parents->rend()) {
    auto held = held_by(counts->store);
    if (!held) {
      if (facts.warn) {
        facts.warn("Java won't trust this run: the trust store that " + std::string(counts->variable) +
                       " names can't be read",
                   "unset it before 'standin run', or name a JKS or PKCS12 file with its password");
      }
      return;
    }
    more = std::move(*held);
  }
  RunFile file(facts.folder / "roots.p12");
  file.append(proxy::java_truststore(content(roots).value_or(""), more));
  file.close();

  std::string options = java_quoted("-Djavax.net.ssl.trustStore=" + file.path().string()) +
                        " -Djavax.net.ssl.trustStoreType=PKCS12";
  const auto names_provider = [](const Options& own) { return !own.store.provider.empty(); };
  if (std::ranges::any_of(*parents, names_provider)) options += " -Djavax.net.ssl.trustStoreProvider=";
  append(child, option_variables.front(), options);
  for (const auto& own : *parents) {
    if (own.variable != option_variables.front() && !own.store.file.empty())
      append(child, own.variable, options);
  }
}

}  // namespace standin::broker
