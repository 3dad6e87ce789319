#include "broker/form_swap.h"

#include <algorithm>

namespace standin::broker {

FormSwap::FormSwap(ValueSwap value) : value_(std::move(value)) {
  for (const std::string& name : value_.sites().names) longest_ = std::max(longest_, name.size() + 1);
}

std::optional<proxy::Refusal> FormSwap::feed(std::string_view piece, proxy::WipingBuffer& out) {
  while (!piece.empty()) {
    std::size_t taken = 0;
    switch (state_) {
      case State::name:
        taken = name(piece, out);
        break;
      case State::value:
        taken = std::min(piece.find_first_of("&;"), piece.size());
        if (auto refusal = value_.feed(piece.substr(0, taken), out)) return refusal;
        if (taken == piece.size()) break;
        if (auto refusal = value_.end(out)) return refusal;
        state_ = State::skipped;
        break;
      case State::skipped:
        taken = piece.find('&');
        if (taken != piece.npos) state_ = State::name;
        taken = taken == piece.npos ? piece.size() : taken + 1;
        proxy::append(out, piece.substr(0, taken));
        break;
    }
    piece.remove_prefix(taken);
  }
  return std::nullopt;
}

std::optional<proxy::Refusal> FormSwap::finish(proxy::WipingBuffer& out) {
  return state_ == State::value ? value_.end(out) : std::nullopt;
}

/// Passes the name, or what of it is there, with its '=' or '&'; returns how much that was.
std::size_t FormSwap::name(std::string_view text, proxy::WipingBuffer& out) {
  const auto take = [this](char c, std::string_view spelling) { append_to_name(spelling == "+" ? ' ' : c); };
  std::size_t at = 0;
  while (at < text.size() && text[at] != '=' && text[at] != '&') escaped_.push(text[at++], take);
  if (at < text.size()) {
    escaped_.flush(take);
    if (text[at] == '=') {
      const std::size_t field = value_.sites().find(name_);
      state_ = field == BodySites::none ? State::skipped : State::value;
      if (state_ == State::value) value_.begin(field);
    }
    name_.clear();
    ++at;
  }
  proxy::append(out, text.substr(0, at));
  return at;
}

void FormSwap::append_to_name(char c) {
  if (name_.size() < longest_) name_ += c;
}

}  // namespace standin::broker
