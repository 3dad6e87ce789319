#include "broker/java_options.h"

#include <algorithm>

namespace standin::broker {
namespace {

constexpr std::string_view spaces = " \t\n\v\f\r";

bool is_quote(char c) { return c == '"' || c == '\''; }

}  // namespace

std::optional<std::vector<std::string>> java_words(std::string_view options) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = '\0';
  for (const char c : options) {
    if (quote == '\0' && spaces.find(c) != spaces.npos) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (c == quote) {
      quote = '\0';
    } else if (quote == '\0' && is_quote(c)) {
      quote = c;
    } else {
      words.back() += c;
    }
  }
  if (quote != '\0') return std::nullopt;
  return words;
}

std::string java_quoted(std::string_view text) {
  if (std::ranges::none_of(text, [](char c) { return is_quote(c) || spaces.find(c) != spaces.npos; })) {
    return std::string(text);
  }
  // Each quote within the other one: a"b is "a"'"'"b".
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') {
      out += "\"'\"'\"";
    } else {
      out += c;
    }
  }
  return out + '"';
}

JavaTrustStore java_trust_store(const std::vector<std::string>& words) {
  JavaTrustStore store;
  const auto value = [](const std::string& word, std::string_view property) -> std::optional<std::string> {
    const std::string start = "-Djavax.net.ssl." + std::string(property) + "=";
    if (!word.starts_with(start)) return std::nullopt;
    return word.substr(start.size());
  };
  for (const auto& word : words) {
    if (auto file = value(word, "trustStore")) store.file = std::move(*file);
    if (auto type = value(word, "trustStoreType")) store.type = std::move(*type);
    if (auto provider = value(word, "trustStoreProvider")) store.provider = std::move(*provider);
    if (auto password = value(word, "trustStorePassword")) store.password = std::move(*password);
  }
  if (store.password && store.password->empty()) store.password.reset();  // as Java
  return store;
}

}  // namespace standin::broker
