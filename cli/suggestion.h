#pragma once

#include <span>
#include <string>
#include <string_view>

namespace standin::cli {

/// "did you mean 'github'", for the one of `known` that `word` was probably meant to be, else empty.
std::string did_you_mean(std::string_view word, std::span<const std::string> known);

}  // namespace standin::cli
