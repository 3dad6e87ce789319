#include "broker/json_swap.h"

#include <array>

#include "proxy/ascii.h"

namespace standin::broker {
namespace {

constexpr bool is_space(char c) noexcept { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/// What a string goes on over without being looked at: all but its end, escapes and control bytes.
constexpr auto plain_in_string = [] {
  std::array<bool, 256> plain{};
  for (std::size_t c = 0x20; c < plain.size(); ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

constexpr bool is_plain(char c) noexcept { return plain_in_string[static_cast<unsigned char>(c)]; }

}  // namespace

JsonSwap::JsonSwap(ValueSwap value) : value_(std::move(value)), path_(value_.sites().names) {}

std::optional<proxy::Refusal> JsonSwap::feed(std::string_view piece, proxy::WipingBuffer& out) {
  for (std::size_t at = 0; at < piece.size();) {
    if (state_ == State::in_string && named_) {
      if (auto refusal = named_string(piece, at, out)) return refusal;
      continue;
    }
    const std::size_t from = at;
    while (at < piece.size() && !(state_ == State::in_string && named_)) at = take(piece, at);
    proxy::append(out, piece.substr(from, at - from));
  }
  return std::nullopt;
}

/// A text that ends within a string is none: nothing that is held is swapped.
std::optional<proxy::Refusal> JsonSwap::finish(proxy::WipingBuffer& out) {
  if (state_ == State::in_string && named_) value_.abandon(out);
  return std::nullopt;
}

/// Reads on from text[at], one token or a part of one; returns where it stopped.
std::size_t JsonSwap::take(std::string_view text, std::size_t at) {
  switch (state_) {
    case State::fault:
      return text.size();
    case State::in_string:
    case State::in_key:
      return string(text, at);
    case State::in_literal:
      literal(text[at]);
      return at + 1;
    case State::in_number:
      return number(text[at]) ? at + 1 : at;
    default:
      while (at < text.size() && is_space(text[at])) ++at;
      if (at < text.size()) structure(text[at++]);
      return at;
  }
}

std::size_t JsonSwap::string(std::string_view text, std::size_t at) {
  const std::size_t from = at;
  at = content(text, at);
  if (state_ == State::in_key && named_) collect_key(text.substr(from, at - from));
  if (at < text.size()) {
    if (text[at] == '"') {
      end_string();
    } else {
      state_ = State::fault;
    }
    ++at;
  }
  return at;
}

/// Feeds what stands before the end of the string, or before the fault.
std::optional<proxy::Refusal> JsonSwap::named_string(std::string_view text, std::size_t& at,
                                                     proxy::WipingBuffer& out) {
  const std::size_t from = at;
  at = content(text, at);
  if (auto refusal = value_.feed(text.substr(from, at - from), out)) return refusal;
  if (at == text.size()) return std::nullopt;
  if (text[at] == '"') {
    if (auto refusal = value_.end(out)) return refusal;
    end_string();
  } else {
    value_.abandon(out);
    state_ = State::fault;
  }
  out.push_back(text[at++]);
  return std::nullopt;
}

/// Where the content of a string ends: at its '"', at what may not be in one, or with the piece.
std::size_t JsonSwap::content(std::string_view text, std::size_t at) {
  for (; at < text.size(); ++at) {
    if (escape_ == Escape::none) {
      while (at < text.size() && is_plain(text[at])) ++at;
      if (at == text.size() || text[at] != '\\') return at;
      escape_ = Escape::opened;
    } else if (!escape(text[at])) {
      return at;
    }
  }
  return at;
}

/// The next byte of an escape; false where it can't be one.
bool JsonSwap::escape(char c) {
  if (escape_ == Escape::opened) {
    digits_ = 0;
    escape_ = c == 'u' ? Escape::unicode : Escape::none;
    return std::string_view("\"\\/bfnrtu").contains(c);
  }
  if (++digits_ == 4) escape_ = Escape::none;
  return proxy::hex_value(c) >= 0;
}

void JsonSwap::collect_key(std::string_view text) {
  for (const char c : text) {
    key_text_.push(c, [this](char decoded, std::string_view) {
      if (key_.size() < path_.longest_key()) key_ += decoded;
    });
  }
}

void JsonSwap::structure(char c) {
  using Container = JsonPath::Container;
  switch (state_) {
    case State::value:
      return begin_value(c);
    case State::first_element:
      if (c == ']') return close(Container::array);
      path_.element();
      return begin_value(c);
    case State::first_key:
      return c == '}' ? close(Container::object) : begin_key(c);
    case State::key:
      return begin_key(c);
    case State::colon:
      state_ = c == ':' ? State::value : State::fault;
      return;
    case State::behind_value:
      if (c == ',') return comma();
      if (c == ']') return close(Container::array);
      if (c == '}') return close(Container::object);
      [[fallthrough]];
    default:
      state_ = State::fault;
  }
}

void JsonSwap::begin_value(char c) {
  if (c == '{') return open(JsonPath::Container::object);
  if (c == '[') return open(JsonPath::Container::array);
  if (c == '"') {
    const auto target = path_.target();
    named_ = target.has_value();
    if (named_) value_.begin(*target);
    state_ = State::in_string;
    return;
  }
  literal_ = c == 't' ? "rue" : c == 'f' ? "alse" : c == 'n' ? "ull" : "";
  if (!literal_.empty()) {
    state_ = State::in_literal;
  } else {
    begin_number(c);
  }
}

void JsonSwap::begin_key(char c) {
  state_ = c == '"' ? State::in_key : State::fault;
  named_ = path_.wanted();
  key_.clear();
}

void JsonSwap::begin_number(char c) {
  state_ = c == '-' || proxy::is_digit(c) ? State::in_number : State::fault;
  number_ = c == '-' ? Number::minus : c == '0' ? Number::zero : Number::integer;
}

void JsonSwap::open(JsonPath::Container container) {
  if (!path_.open(container)) {
    state_ = State::fault;
  } else {
    state_ = container == JsonPath::Container::object ? State::first_key : State::first_element;
  }
}

void JsonSwap::close(JsonPath::Container container) {
  if (path_.container() != container) {
    state_ = State::fault;
    return;
  }
  path_.close();
  end_value();
}

void JsonSwap::comma() {
  if (path_.container() == JsonPath::Container::object) {
    state_ = State::key;
  } else {
    path_.element();
    state_ = State::value;
  }
}

void JsonSwap::end_string() {
  if (state_ == State::in_string) return end_value();
  if (named_) path_.key(key_);
  state_ = State::colon;
}

void JsonSwap::end_value() { state_ = path_.container() ? State::behind_value : State::behind_text; }

void JsonSwap::literal(char c) {
  if (c != literal_.front()) {
    state_ = State::fault;
    return;
  }
  literal_.remove_prefix(1);
  if (literal_.empty()) end_value();
}

/// RFC 8259 6. False where `c` is behind the number.
bool JsonSwap::number(char c) {
  using enum Number;
  const bool digit = proxy::is_digit(c);
  const bool is_whole = number_ == zero || number_ == integer || number_ == fraction || number_ == exponent;
  if (digit && number_ != zero) {
    if (number_ == minus) number_ = c == '0' ? zero : integer;
    if (number_ == point) number_ = fraction;
    if (number_ == e || number_ == sign) number_ = exponent;
  } else if (c == '.' && (number_ == zero || number_ == integer)) {
    number_ = point;
  } else if ((c == 'e' || c == 'E') && is_whole && number_ != exponent) {
    number_ = e;
  } else if ((c == '+' || c == '-') && number_ == e) {
    number_ = sign;
  } else if (is_whole) {
    end_value();  // "01" ends here too, and then a digit is no structure
    return false;
  } else {
    state_ = State::fault;
  }
  return true;
}

}  // namespace standin::broker
