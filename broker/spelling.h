#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace standin::broker {

/// The ways in which a text may spell bytes.
enum class Alphabet : std::uint8_t {
  bytes,   // any byte as it is, %XX, '+' for a space, and any escape of a JSON string (RFC 8259 7), mixed
  base64,  // base64 and base64url: nobody encodes its letters and digits, only what is left
};

/// How far a text spells the beginning of a pattern: that many of its bytes for so many of the pattern's.
struct Spelled {
  std::size_t text;
  std::size_t pattern;
};

/// All spellings with which `text` goes on with `pattern` (neither is empty).
struct Spellings {
  std::array<Spelled, 5> found;  // of which `count` are set: asked for too often to clear all
  std::size_t count = 0;
  bool cut = false;  // the text ends in what may be the beginning of one
};
[[nodiscard]] Spellings spellings_at(std::string_view text, std::string_view pattern,
                                     Alphabet alphabet) noexcept;

/// Whether `byte` may be spelled in two ways of which one begins the other.
[[nodiscard]] constexpr bool is_ambiguous(char byte) noexcept {
  return byte == '%' || byte == '\\' || static_cast<unsigned char>(byte) >= 0x80;
}

/// Whether what begins with `c` may be anything but that byte.
[[nodiscard]] constexpr bool begins_encoding(char c) noexcept {
  return c == '%' || c == '\\' || c == '+' || c == '-' || c == '_';
}

/// The most characters that one byte takes: \uXXXX.
constexpr std::size_t longest_spelling = 6;

/// An escape sequence as it may stand in a text, hex digits in lower case.
struct Escape {
  std::array<char, 12> characters;  // of which `length` are set
  std::size_t length = 0;
  std::size_t pattern = 1;  // how many bytes of the pattern it stands for

  [[nodiscard]] std::string_view text() const noexcept { return {characters.data(), length}; }
};
struct EscapeForms {
  std::array<Escape, 4> all;  // of which `count` are set
  std::size_t count = 0;
};
/// Those that begin with `first` ('%' or '\') and stand for what `pattern` begins with.
[[nodiscard]] EscapeForms escapes_of(char first, std::string_view pattern, Alphabet alphabet) noexcept;
/// What stands for `byte` without an escape.
struct Plain {
  std::array<char, 2> characters{};
  std::size_t count = 0;
};
[[nodiscard]] Plain plain_spellings(char byte, Alphabet alphabet) noexcept;

}  // namespace standin::broker
