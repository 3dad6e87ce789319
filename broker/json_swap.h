#pragma once

#include <string>

#include "broker/json_path.h"
#include "broker/value_swap.h"
#include "proxy/body_transform.h"

namespace standin::broker {

/// Swaps in the named strings of a JSON text (RFC 8259) of any size and keeps every other byte: white space,
/// order, escapes, keys that are there twice, spellings of numbers. A key is compared decoded.
///
/// A reader of its own, because nlohmann's SAX parser wants the whole text at once and gives values, not the
/// bytes they were written in.
///
/// The grammar is held to strictly: at the first fault (a comment, a second text, a byte order mark, UTF-16,
/// too deep) nothing is swapped any more and the bytes pass, the origin having to refuse them. Where the
/// origin is lenient, it reads a text of which nobody here knows what stands where. What no structure depends
/// on is let be: bytes in strings that are no UTF-8, halves of surrogate pairs.
class JsonSwap final : public proxy::BodyTransform {
 public:
  /// The names of the value's sites are JSON pointers.
  explicit JsonSwap(ValueSwap value);

  std::optional<proxy::Refusal> feed(std::string_view piece, proxy::WipingBuffer& out) override;
  std::optional<proxy::Refusal> finish(proxy::WipingBuffer& out) override;

 private:
  /// What may come, or what token the text is in.
  enum class State : std::uint8_t {
    value,
    first_element,  // or ']'
    first_key,      // or '}'
    key,
    colon,
    behind_value,  // ',' or an end
    behind_text,
    in_string,
    in_key,
    in_literal,
    in_number,
    fault,
  };
  enum class Number : std::uint8_t { minus, zero, integer, point, fraction, e, sign, exponent };
  enum class Escape : std::uint8_t { none, opened, unicode };

  std::size_t take(std::string_view text, std::size_t at);
  std::size_t string(std::string_view text, std::size_t at);
  std::size_t content(std::string_view text, std::size_t at);
  std::optional<proxy::Refusal> named_string(std::string_view text, std::size_t& at,
                                             proxy::WipingBuffer& out);
  bool escape(char c);
  void collect_key(std::string_view text);
  void structure(char c);
  void begin_value(char c);
  void begin_key(char c);
  void begin_number(char c);
  void open(JsonPath::Container container);
  void close(JsonPath::Container container);
  void comma();
  void end_string();
  void end_value();
  void literal(char c);
  bool number(char c);

  ValueSwap value_;
  JsonPath path_;
  State state_ = State::value;
  bool named_ = false;  // in_string: its value goes through value_; in_key: it is collected
  Escape escape_ = Escape::none;
  unsigned digits_ = 0;  // seen of \uXXXX
  Number number_ = Number::minus;
  std::string_view literal_;  // what must still come of it
  EscapedText key_text_{Escapes::json};
  std::string key_;
};

}  // namespace standin::broker
