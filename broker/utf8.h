#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace standin::broker {

struct Utf8Character {
  char32_t point;
  std::size_t length;  // in bytes
};

/// The character at text[at] (RFC 3629), or nullopt where none is whole and well-formed there: overlong
/// spellings, surrogates and what is past U+10FFFF are none. Nothing of it is kept: it may be a secret.
[[nodiscard]] std::optional<Utf8Character> utf8_at(std::string_view text, std::size_t at) noexcept;

[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

}  // namespace standin::broker
