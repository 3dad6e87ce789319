#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace standin::proxy {

/// Finds the end of a message head (RFC 9112 2.1), and what smuggling is made of on the way there.
///
/// Beast's parser is lenient where a boundary must not be: it joins folded lines and takes a repeated
/// Content-Length. Two parsers that read the same bytes differently are one request smuggled into another,
/// so a head that could be read in two ways is refused before it is parsed.
///
/// Sans-IO: feed() may be given the bytes in any pieces, and ends the same.
class HeadScanner {
 public:
  enum class State : std::uint8_t {
    more,  // the head is not whole yet
    done,  // it is: length() bytes with the empty line
    bad,   // reason() says why
  };

  /// Goes on with `bytes`, the ones that follow those already fed.
  State feed(std::string_view bytes) noexcept;

  [[nodiscard]] std::size_t length() const noexcept { return length_; }
  /// "a bare line feed", for a sentence that says what is wrong.
  [[nodiscard]] std::string_view reason() const noexcept { return reason_; }

 private:
  enum class At : std::uint8_t { start_line, line_start, name, value, after_cr, last_cr };

  State fail(std::string_view reason) noexcept {
    reason_ = reason;
    return state_ = State::bad;
  }
  void step(unsigned char c) noexcept;

  State state_ = State::more;
  At at_ = At::start_line;
  bool line_is_empty_ = true;
  std::size_t length_ = 0;
  std::string_view reason_;
};

}  // namespace standin::proxy
