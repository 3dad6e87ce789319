#include "broker/escaped_text.h"

namespace standin::broker {
namespace {

constexpr std::string_view letters = "\"\\/bfnrt";
constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";

}  // namespace

EscapedText::State EscapedText::state() const noexcept {
  if (held_ == 1) return State::open;
  const char last = spelling_[held_ - 1];
  if (escapes_ == Escapes::percent) {
    if (proxy::hex_value(last) < 0) return State::none;
    return held_ == 3 ? State::whole : State::open;
  }
  if (held_ == 2)
    return last == 'u' ? State::open : letters.find(last) != letters.npos ? State::whole : State::none;
  if (proxy::hex_value(last) < 0) return State::none;
  return held_ == 6 ? State::whole : State::open;
}

char EscapedText::decoded() const noexcept {
  if (escapes_ == Escapes::json && held_ == 2) return meanings[letters.find(spelling_[1])];
  unsigned value = 0;
  for (std::size_t i = escapes_ == Escapes::percent ? 1 : 2; i < held_; ++i)
    value = value << 4 | static_cast<unsigned>(proxy::hex_value(spelling_[i]));
  return value < 0x80 ? static_cast<char>(value) : '\0';
}

}  // namespace standin::broker
