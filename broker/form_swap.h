#pragma once

#include <string>

#include "broker/value_swap.h"
#include "proxy/body_transform.h"

namespace standin::broker {

/// Swaps in the named fields of an application/x-www-form-urlencoded body (WHATWG URL 5.1): pairs between
/// '&', names compared decoded, every repetition of a name. Nothing but the swapped stand-ins changes.
///
/// Behind a raw ';' nothing of a pair is swapped: old readers take it for an '&', and what follows for
/// another field. No encoder writes it.
class FormSwap final : public proxy::BodyTransform {
 public:
  explicit FormSwap(ValueSwap value);

  std::optional<proxy::Refusal> feed(std::string_view piece, proxy::WipingBuffer& out) override;
  std::optional<proxy::Refusal> finish(proxy::WipingBuffer& out) override;

 private:
  enum class State : std::uint8_t { name, value, skipped };
  std::size_t name(std::string_view text, proxy::WipingBuffer& out);
  void append_to_name(char c);

  ValueSwap value_;
  State state_ = State::name;
  EscapedText escaped_{Escapes::percent};
  std::string name_;  // decoded; longer than every site's is long enough
  std::size_t longest_ = 0;
};

}  // namespace standin::broker
