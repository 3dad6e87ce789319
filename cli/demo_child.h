#pragma once

#include <span>
#include <string>

namespace standin::cli {

/// The other end of `standin demo`, run by it under `standin run`: an ordinary HTTPS client that knows
/// nothing of standin but what its environment says. Sends DEMO_TOKEN to each of `authorities`
/// ("localhost:8443") and prints, as one JSON object, what it was given and what it got back. Ends with
/// status 7, so that the demonstration can see its status come through.
int demo_child(std::span<const std::string> authorities);

inline constexpr int demo_child_status = 7;

}  // namespace standin::cli
