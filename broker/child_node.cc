#include "broker/child_node.h"

#include <algorithm>

#include "broker/run_file.h"

namespace standin::broker {

std::string_view node_preload_source();  // from node_preload.cjs, by cmake/embed_preload.cmake

namespace {

/// NODE_OPTIONS is split at spaces; within double quotes a backslash takes the next byte as it is.
std::string node_quoted(std::string_view text) {
  if (text.find_first_of(" \"") == text.npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace

void set_node_preload(Environment& child, const RunFacts& facts) {
  RunFile file(facts.folder / "node_preload.cjs");
  file.append(node_preload_source());
  file.close();
  const std::string option = "--require " + node_quoted(file.path().string());
  const auto own = std::ranges::find(child, "NODE_OPTIONS", &Environment::value_type::first);
  if (own == child.end()) {
    child.emplace_back("NODE_OPTIONS", option);
  } else {
    own->second += (own->second.empty() ? "" : " ") + option;
  }
}

}  // namespace standin::broker
