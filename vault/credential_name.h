#pragma once

#include <string_view>

namespace standin::vault {

/// The rule of check_name (vault/vault.h) without the throw.
[[nodiscard]] bool is_allowed_name(std::string_view name) noexcept;

}  // namespace standin::vault
