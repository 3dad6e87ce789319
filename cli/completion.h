#pragma once

#include <span>
#include <string>
#include <string_view>

namespace standin::cli {

struct CommandSummary {
  std::string_view name;
  std::string_view summary;
};

/// The completion script for "bash", "zsh" or "fish"; names of credentials and providers are asked of standin
/// itself when they are completed. Throws Error(usage) for another shell.
std::string completion_script(std::string_view shell, std::span<const CommandSummary> commands);

}  // namespace standin::cli
