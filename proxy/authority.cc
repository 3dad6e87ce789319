#include "proxy/authority.h"

#include <arpa/inet.h>

#include <algorithm>
#include <memory>

#include <idn2.h>

#include "proxy/ascii.h"
#include "proxy/ip_address.h"
#include "proxy/openssl_handles.h"

namespace standin::proxy {
namespace {

constexpr std::size_t longest_host = 253;  // RFC 1035 3.1, without the length bytes
constexpr std::size_t longest_label = 63;
constexpr std::size_t longest_authority = 1024;  // four bytes of UTF-8 a character, and the port

constexpr bool is_hex_digit(char c) noexcept { return is_digit(c) || (c >= 'a' && c <= 'f'); }

/// "443" of a last label "443", "0x1f", "0x": WHATWG URL, "ends in a number".
bool is_number(std::string_view label) noexcept {
  if (label.starts_with("0x")) return std::all_of(label.begin() + 2, label.end(), is_hex_digit);
  return !label.empty() && std::all_of(label.begin(), label.end(), is_digit);
}

/// Lower case in place, and the rules of a name. Underscores are no host names, but are in real ones.
Flaw check_name(std::string& host) noexcept {
  std::size_t label = 0;
  for (char& c : host) {
    if (c == '.') {
      if (label == 0) return Flaw::label_empty;
      label = 0;
      continue;
    }
    c = lower(c);
    if (!is_digit(c) && !is_lower(c) && c != '-' && c != '_') return Flaw::character;
    if (++label > longest_label) return Flaw::label_long;
  }
  return label == 0 ? Flaw::label_empty : Flaw::none;
}

Flaw normalise_ascii(std::string& host) {
  if (host.ends_with('.')) host.pop_back();
  if (host.empty()) return Flaw::empty;
  if (host.size() > longest_host) return Flaw::host_long;
  if (const Flaw flaw = check_name(host); flaw != Flaw::none) return flaw;
  if (is_number(std::string_view(host).substr(host.rfind('.') + 1))) {
    // Every resolver reads these as an address (inet_aton), so a rule for the name would be gone around.
    in_addr v4{};
    if (inet_aton(host.c_str(), &v4) == 0) return Flaw::number;
    host = IpAddress::v4(ntohl(v4.s_addr)).to_string();
    return Flaw::none;
  }
  return host.starts_with('-') ? Flaw::hyphen : Flaw::none;
}

Flaw normalise_unicode(std::string& host) {
  // The C string that libidn2 reads would end at a NUL.
  if (std::ranges::any_of(host, [](unsigned char c) { return c <= 0x20 || c == 0x7f; }))
    return Flaw::character;
  std::uint8_t* found = nullptr;
  const int result = idn2_lookup_u8(reinterpret_cast<const std::uint8_t*>(host.c_str()), &found,
                                    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const std::unique_ptr<std::uint8_t, Deleter<idn2_free>> owned(found);
  if (result != IDN2_OK || found == nullptr) return Flaw::idn;
  host = reinterpret_cast<const char*>(found);
  // Compatibility mapping makes "a/c" and full-width digits ASCII: the result is judged like any text.
  return normalise_ascii(host);
}

Flaw normalise(std::string& host) {
  const bool ascii = std::ranges::all_of(host, [](unsigned char c) { return c < 0x80; });
  return ascii ? normalise_ascii(host) : normalise_unicode(host);
}

Flaw parse_port(std::string_view text, std::uint16_t& port) noexcept {
  unsigned value = 0;
  if (text.empty() || text.size() > 5 || !std::all_of(text.begin(), text.end(), is_digit)) return Flaw::port;
  for (const char c : text) value = value * 10 + static_cast<unsigned>(c - '0');
  if (value == 0 || value > 65535) return Flaw::port;
  port = static_cast<std::uint16_t>(value);
  return Flaw::none;
}

/// "[2001:db8::1]" or "[2001:db8::1]:443" into host and port.
Flaw parse_bracketed(std::string_view text, std::string& host, std::uint16_t& port) {
  const auto end = text.find(']');
  const std::string_view inside = text.substr(1, end == text.npos ? end : end - 1);
  const auto address = IpAddress::parse(inside);
  if (end == text.npos || inside.find(':') == inside.npos || !address) return Flaw::ipv6;
  host = address->to_string();
  const std::string_view rest = text.substr(end + 1);
  if (rest.empty()) return Flaw::none;
  return rest.front() == ':' ? parse_port(rest.substr(1), port) : Flaw::character;
}

}  // namespace

const char* text_of(Flaw flaw) {
  switch (flaw) {
    case Flaw::none:
      return "is an origin";
    case Flaw::empty:
      return "has no host";
    case Flaw::character:
      return "has a character that no host name has";
    case Flaw::label_empty:
      return "has an empty label";
    case Flaw::label_long:
      return "has a label of over 63 characters";
    case Flaw::host_long:
      return "has a host of over 253 characters";
    case Flaw::hyphen:
      return "begins with a hyphen";
    case Flaw::number:
      return "ends in a number but is not an IPv4 address";
    case Flaw::ipv6:
      return "has brackets around something that is not an IPv6 address (zones are not supported)";
    case Flaw::idn:
      return "is not a valid internationalised name";
    case Flaw::port:
      return "has a port that is not a number from 1 to 65535";
  }
  return "";
}

Flaw parse_authority(std::string_view text, std::string& host, std::uint16_t& port) {
  if (text.empty()) return Flaw::empty;
  if (text.size() > longest_authority) return Flaw::host_long;
  if (text.front() == '[') return parse_bracketed(text, host, port);
  const auto colon = text.find(':');
  if (colon != text.npos) {
    if (const Flaw flaw = parse_port(text.substr(colon + 1), port); flaw != Flaw::none) return flaw;
  }
  host = text.substr(0, colon);
  return normalise(host);
}

bool is_subdomain(std::string_view host, std::string_view suffix) noexcept {
  return host.size() > suffix.size() + 1 && host.ends_with(suffix) &&
         host[host.size() - suffix.size() - 1] == '.';
}

}  // namespace standin::proxy
