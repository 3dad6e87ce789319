#include "tests/bench/end_to_end/load.h"

#include <iostream>
#include <map>

#include <nlohmann/json.hpp>

#include "tests/bench/end_to_end/pattern.h"

namespace standin::bench {

int run_load(const LoadOptions& options) {
  using Make = std::unique_ptr<Pattern> (*)(const LoadOptions&);
  static const std::map<std::string, Make> patterns{
      {"keep-alive", closed_loop}, {"new", closed_loop}, {"names", new_names},
      {"down", transfer},          {"up", transfer},     {"events", event_delays},
      {"tunnels", idle_tunnels}};
  const auto found = patterns.find(options.pattern);
  if (found == patterns.end()) die("no such pattern: " + options.pattern);
  const auto pattern = found->second(options);
  pattern->run();
  std::cout << pattern->figures() << "\n";
  return 0;
}

}  // namespace standin::bench
