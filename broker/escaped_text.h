#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/ascii.h"

namespace standin::broker {

/// How the characters of a text may be spelled.
enum class Escapes : std::uint8_t {
  none,
  percent,  // %XX, in either case of hex; a '%' that begins none is itself
  json,     // RFC 8259 7
};

/// Decodes a text that comes in pieces, character by character. Holds at most the beginning of one escape.
class EscapedText {
 public:
  explicit EscapedText(Escapes escapes) noexcept : escapes_(escapes) {}

  /// Takes the next byte, and gives each character that is whole now to `use(decoded, spelling)`. A character
  /// that is no single byte of ASCII is '\0' where it was escaped, and its bytes where it stands raw: neither
  /// a name nor a stand-in holds one.
  template <class F>
  void push(char c, F&& use) {
    if (is_plain(c)) return use(c, std::string_view(&c, 1));
    spelling_[held_++] = c;
    switch (state()) {
      case State::open:
        return;
      case State::whole:
        use(decoded(), spelling());
        held_ = 0;
        return;
      case State::none:
        --held_;
        flush(use);
        push(c, use);
    }
  }

  /// The text ends, or is no escaped text after all: what is held stands for itself.
  template <class F>
  void flush(F&& use) {
    const auto held = spelling();
    held_ = 0;
    for (const char& c : held) use(c, std::string_view(&c, 1));
  }

  /// Whether push() would give just this byte.
  [[nodiscard]] bool is_plain(char c) const noexcept {
    return held_ == 0 && (escapes_ == Escapes::none || c != (escapes_ == Escapes::percent ? '%' : '\\'));
  }

 private:
  enum class State : std::uint8_t { open, whole, none };

  [[nodiscard]] std::string_view spelling() const noexcept { return {spelling_, held_}; }
  [[nodiscard]] State state() const noexcept;
  [[nodiscard]] char decoded() const noexcept;

  Escapes escapes_;
  unsigned char held_ = 0;
  char spelling_[6] = {};
};

}  // namespace standin::broker
