#include "cli/messages.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>

#include "cli/terminal.h"

namespace standin::cli {
namespace {

constexpr std::string_view red = "\x1b[31m", yellow = "\x1b[33m", cyan = "\x1b[36m", plain = "\x1b[0m";

/// One character of UTF-8 (RFC 3629): its length in bytes, 0 where there is none.
struct Character {
  std::size_t length = 0;
  std::uint32_t code = 0;
};

Character decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return {1, first};
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return {};
  std::uint32_t code = first & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3fU);
  }
  constexpr std::array<std::uint32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  return code < smallest[length] || surrogate || code > 0x10ffff ? Character{} : Character{length, code};
}

/// Moves the cursor, hides itself, or turns the reading direction: not for a message.
bool is_treacherous(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xad || (code >= 0x200b && code <= 0x200f) ||
         (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) || code == 0xfeff ||
         (code >= 0xe0000 && code <= 0xe0fff);
}

std::string escaped(const char* format, std::uint32_t value) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), format, value);
  return text.data();
}

/// One write(), so that lines of several processes don't mix. Where stderr is gone there is nobody to tell.
void write_line(const std::string& line) {
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
}

void print(std::string_view kind, std::string_view colour, std::string_view message) {
  std::string line = "standin: ";
  const bool coloured = may_colour(STDERR_FILENO);
  if (coloured) line += colour;
  line.append(kind).append(":");
  if (coloured) line += plain;
  line.append(" ").append(printable(message)).append("\n");
  write_line(line);
}

}  // namespace

std::string printable(std::string_view text, std::size_t limit) {
  std::string out;
  while (!text.empty()) {
    if (out.size() >= limit) return out + "…";
    const Character character = decode(text);
    if (character.length == 0) {
      out += escaped("\\x%02x", static_cast<std::uint8_t>(text.front()));
    } else if (is_treacherous(character.code)) {
      out += escaped(character.code < 0x80 ? "\\x%02x" : "\\u{%x}", character.code);
    } else {
      out += text.substr(0, character.length);
    }
    text.remove_prefix(character.length == 0 ? 1 : character.length);
  }
  return out;
}

std::string in_quotes(std::string_view text) { return '"' + printable(text, 80) + '"'; }

void print_error(std::string_view message, std::string_view hint) {
  print("error", red, message);
  print_hint(hint);
}

void print_warning(std::string_view message, std::string_view hint) {
  print("warning", yellow, message);
  print_hint(hint);
}

void print_hint(std::string_view hint) {
  if (!hint.empty()) print("hint", cyan, hint);
}

}  // namespace standin::cli
