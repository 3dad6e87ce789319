#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace standin::broker {

/// Where options of the JVM name a trust store; the last of each property counts, as it does for Java.
struct JavaTrustStore {
  std::string file;                     // empty: none is named
  std::string type;                     // empty: told from the file
  std::string provider;                 // empty: any
  std::optional<std::string> password;  // absent: none
};

/// The words of a variable such as JAVA_TOOL_OPTIONS, split as the JVM does it: at white space, where " and '
/// quote, also within a word, and nothing escapes. Absent where a quote is left open: no JVM starts with
/// that.
std::optional<std::vector<std::string>> java_words(std::string_view options);

/// One word that the JVM reads as `text`. Unquoted where nothing in it needs a quote.
std::string java_quoted(std::string_view text);

JavaTrustStore java_trust_store(const std::vector<std::string>& words);

}  // namespace standin::broker
