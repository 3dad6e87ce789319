#include "broker/place.h"

#include <algorithm>

#include <sodium.h>

#include "proxy/ascii.h"
#include "proxy/message.h"

namespace standin::broker {
namespace {

constexpr bool is_alnum(unsigned char c) noexcept { return proxy::is_alnum(static_cast<char>(c)); }
constexpr bool is_unreserved(unsigned char c) noexcept {
  return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}
constexpr bool is_control(unsigned char c) noexcept { return c < 0x20 || c == 0x7f; }

void append_percent_encoded(proxy::WipingBuffer& out, unsigned char byte) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  out.push_back('%');
  out.push_back(hex[byte >> 4]);
  out.push_back(hex[byte & 15]);
}

/// As the grammars have it that encode at all.
void append_byte(proxy::WipingBuffer& out, unsigned char byte, Grammar grammar) {
  const bool form = grammar == Grammar::basic_form;
  if (form && byte == ' ') {
    out.push_back('+');
  } else if (form ? is_alnum(byte) || byte == '-' || byte == '.' || byte == '_' || byte == '*'
                  : is_unreserved(byte)) {
    out.push_back(static_cast<char>(byte));
  } else {
    append_percent_encoded(out, byte);
  }
}

std::optional<Unusable> why_not(std::span<const std::byte> secret, Grammar grammar, BasicPart part) noexcept {
  const auto any = [secret](auto&& test) {
    return std::ranges::any_of(secret, [&](std::byte b) { return test(static_cast<unsigned char>(b)); });
  };
  switch (grammar) {
    case Grammar::field:
      if (any([](unsigned char c) { return is_control(c) && c != '\t'; })) return Unusable::control_byte;
      break;
    case Grammar::basic:
      if (any(is_control)) return Unusable::control_byte;
      if (part == BasicPart::user && any([](unsigned char c) { return c == ':'; }))
        return Unusable::colon_in_user;
      break;
    case Grammar::path:
      // Percent-encoded dots are still a dot segment to most servers: nothing makes these two safe.
      if (secret.size() <= 2 && !any([](unsigned char c) { return c != '.'; })) return Unusable::dot_segment;
      break;
    case Grammar::basic_form:
    case Grammar::query:
      break;
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(Unusable reason) noexcept {
  switch (reason) {
    case Unusable::control_byte:
      return "holds a control byte";
    case Unusable::colon_in_user:
      return "holds a ':'";
    case Unusable::outer_space:
      return "begins or ends with white space";
    case Unusable::dot_segment:
      return "is a dot segment";
  }
  return "is not usable";
}

std::optional<Unusable> append_encoded(proxy::WipingBuffer& out, std::span<const std::byte> secret,
                                       Grammar grammar, BasicPart part) {
  if (const auto reason = why_not(secret, grammar, part)) return reason;
  if (grammar == Grammar::field || grammar == Grammar::basic) {
    proxy::append(out, {reinterpret_cast<const char*>(secret.data()), secret.size()});
    return std::nullopt;
  }
  for (const std::byte byte : secret) append_byte(out, static_cast<unsigned char>(byte), grammar);
  return std::nullopt;
}

std::optional<BasicValue> decode_basic(std::string_view value) {
  constexpr std::string_view name = "Basic";
  if (!proxy::same_name(value.substr(0, name.size()), name)) return std::nullopt;
  const std::size_t at = value.find_first_not_of(' ', name.size());
  if (at == std::string_view::npos || at == name.size()) return std::nullopt;
  std::string_view text = value.substr(at);
  const std::size_t padding = text.size() - std::min(text.size(), text.find_last_not_of('=') + 1);
  if (padding > 2 || (padding != 0 && text.size() % 4 != 0)) return std::nullopt;
  text.remove_suffix(padding);

  BasicValue basic{value.substr(0, at), proxy::WipingBuffer(text.size() / 4 * 3 + 3)};
  std::size_t length = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(basic.user_pass.data()), basic.user_pass.size(),
                        text.data(), text.size(), nullptr, &length, nullptr,
                        sodium_base64_VARIANT_ORIGINAL_NO_PADDING) != 0) {
    return std::nullopt;
  }
  basic.user_pass.resize(length);
  return basic;
}

proxy::WipingBuffer encode_basic(const BasicValue& basic) {
  constexpr int variant = sodium_base64_VARIANT_ORIGINAL;
  const std::size_t with_nul = sodium_base64_encoded_len(basic.user_pass.size(), variant);
  proxy::WipingBuffer out(basic.scheme.size() + with_nul);
  std::ranges::copy(basic.scheme, out.begin());
  sodium_bin2base64(out.data() + basic.scheme.size(), with_nul,
                    reinterpret_cast<const unsigned char*>(basic.user_pass.data()), basic.user_pass.size(),
                    variant);
  out.pop_back();
  return out;
}

}  // namespace standin::broker
