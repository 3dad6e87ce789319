#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "vault/secret.h"

namespace standin::cli {

[[nodiscard]] bool is_terminal(int descriptor) noexcept;
/// nullopt where it is no terminal or does not say.
[[nodiscard]] std::optional<std::size_t> terminal_width(int descriptor) noexcept;
/// On a terminal, without NO_COLOR (no-color.org: set, and not empty), and not TERM=dumb.
[[nodiscard]] bool may_colour(int descriptor) noexcept;

/// Asks on the terminal that is stdin, without echo, prompt on stderr. The terminal is as it was when this
/// returns, throws, or a signal ends or stops the process. Throws Error(input): at end of input without a
/// character, over vault::Vault::max_secret_bytes, or when several lines were pasted (the first one alone
/// would be a wrong secret, and the shell would be given the others).
vault::Secret ask_hidden(std::string_view prompt);

}  // namespace standin::cli
