#include "broker/spelling.h"

#include <optional>

#include "proxy/ascii.h"

namespace standin::broker {
namespace {

void put(Escape& escape, char c) noexcept { escape.characters[escape.length++] = c; }

void put_hex(Escape& escape, std::uint32_t value, unsigned digits) noexcept {
  constexpr std::string_view hex = "0123456789abcdef";
  while (digits-- > 0) put(escape, hex[value >> (4 * digits) & 15U]);
}

void put_unit(Escape& escape, std::uint32_t unit) noexcept {
  put(escape, '\\');
  put(escape, 'u');
  put_hex(escape, unit, 4);
}

/// The letter of the two-character escape of `byte` (RFC 8259 7), or 0.
constexpr char escape_letter(char byte) noexcept {
  constexpr std::string_view bytes = "\"\\/\b\f\n\r\t";
  constexpr std::string_view letters = "\"\\/bfnrt";
  const std::size_t at = bytes.find(byte);
  return at == std::string_view::npos ? '\0' : letters[at];
}

struct CodePoint {
  std::uint32_t value;
  std::size_t length;
};

/// The character of two to four bytes (RFC 3629) that `pattern` begins with.
std::optional<CodePoint> wide_character(std::string_view pattern) noexcept {
  const auto lead = static_cast<unsigned char>(pattern.front());
  const std::size_t length = lead < 0xc2 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 1;
  if (length == 1 || pattern.size() < length) return std::nullopt;
  std::uint32_t value = lead & (0x7fU >> length);
  for (const char c : pattern.substr(1, length - 1)) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0) != 0x80) return std::nullopt;
    value = value << 6 | (byte & 0x3f);
  }
  return CodePoint{value, length};
}

/// Most escapes are of other characters: told without writing down those that would do.
bool is_of_another(std::string_view text, char byte) noexcept {
  const auto value = static_cast<unsigned char>(byte);
  const auto differs = [&](std::size_t at, int digit) {
    return at < text.size() && proxy::hex_value(text[at]) != digit;
  };
  if (text[0] == '%') return differs(1, value >> 4) || differs(2, value & 15);
  if (text.size() > 1 && text[1] != 'u') return text[1] != escape_letter(byte);
  if (value >= 0x80) return false;
  return differs(2, 0) || differs(3, 0) || differs(4, value >> 4) || differs(5, value & 15);
}

enum class Fit : std::uint8_t { no, whole, cut };

/// How `text` goes on with the escape: hex digits in either case, a letter behind a backslash in its own.
Fit fit(std::string_view text, std::string_view escape) noexcept {
  const bool has_digits = escape.size() > 2;
  for (std::size_t i = 0; i < escape.size(); ++i) {
    if (i == text.size()) return Fit::cut;
    if (text[i] == escape[i]) continue;
    const int digit = proxy::hex_value(escape[i]);
    if (!has_digits || digit < 0 || digit != proxy::hex_value(text[i])) return Fit::no;
  }
  return Fit::whole;
}

}  // namespace

Plain plain_spellings(char byte, Alphabet alphabet) noexcept {
  Plain plain{{byte}, 1};
  const auto other = [&](char c) { plain.characters[plain.count++] = c; };
  if (alphabet == Alphabet::bytes) {
    if (byte == ' ') other('+');
  } else if (byte == '+') {
    other('-');
  } else if (byte == '/') {
    other('_');
  }
  return plain;
}

Spellings spellings_at(std::string_view text, std::string_view pattern, Alphabet alphabet) noexcept {
  Spellings all;
  const Plain plain = plain_spellings(pattern.front(), alphabet);
  for (std::size_t i = 0; i < plain.count; ++i) {
    if (text.front() == plain.characters[i]) all.found[all.count++] = {1, 1};
  }
  if (text.front() != '%' && text.front() != '\\') return all;
  if (is_of_another(text, pattern.front())) return all;
  const EscapeForms escapes = escapes_of(text.front(), pattern, alphabet);
  for (std::size_t i = 0; i < escapes.count; ++i) {
    const Escape& escape = escapes.all[i];
    const Fit fits = fit(text, escape.text());
    if (fits == Fit::whole) all.found[all.count++] = {escape.length, escape.pattern};
    if (fits == Fit::cut) all.cut = true;
  }
  return all;
}

EscapeForms escapes_of(char first, std::string_view pattern, Alphabet alphabet) noexcept {
  EscapeForms escapes;
  const char byte = pattern.front();
  if (alphabet == Alphabet::base64 && proxy::is_alnum(byte)) return escapes;
  if (first == '%') {
    Escape& percent = escapes.all[escapes.count++];
    put(percent, '%');
    put_hex(percent, static_cast<unsigned char>(byte), 2);
    return escapes;
  }
  if (const char letter = escape_letter(byte)) {
    Escape& short_one = escapes.all[escapes.count++];
    put(short_one, '\\');
    put(short_one, letter);
  }
  // A byte for itself, too: servers take a field's bytes for Latin-1, and write those as JSON.
  put_unit(escapes.all[escapes.count++], static_cast<unsigned char>(byte));
  if (const auto wide = wide_character(pattern)) {
    Escape& escape = escapes.all[escapes.count++];
    escape.pattern = wide->length;
    if (wide->value < 0x10000) {
      put_unit(escape, wide->value);
    } else {  // a surrogate pair (RFC 8259 7)
      put_unit(escape, 0xd800 + ((wide->value - 0x10000) >> 10 & 0x3ff));
      put_unit(escape, 0xdc00 + ((wide->value - 0x10000) & 0x3ff));
    }
  }
  return escapes;
}

}  // namespace standin::broker
