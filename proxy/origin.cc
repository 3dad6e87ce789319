#include "proxy/origin.h"

#include <algorithm>

#include "proxy/authority.h"
#include "proxy/error.h"
#include "proxy/message.h"
#include "proxy/quoted.h"

namespace standin::proxy {
namespace {

constexpr std::uint16_t default_port(Scheme scheme) noexcept { return scheme == Scheme::https ? 443 : 80; }

std::string authority_text(Scheme scheme, std::string_view host, std::uint16_t port) {
  const bool v6 = host.find(':') != host.npos;
  std::string text;
  text.reserve(host.size() + 8);
  if (v6) text += '[';
  text += host;
  if (v6) text += ']';
  if (port != default_port(scheme)) text += ':' + std::to_string(port);
  return text;
}

/// What may be a password or a key in a pasted URL is not shown.
std::string without_secrets(std::string_view text) {
  const bool query = text.find_first_of("?#") != text.npos;
  text = text.substr(0, text.find_first_of("?#"));
  const auto at = text.rfind('@');
  std::string shown = at == text.npos ? "" : "...";
  shown += at == text.npos ? text : text.substr(at);
  return query ? shown + "?..." : shown;
}

[[noreturn]] void refuse(std::string_view text, const std::string& rule) {
  throw Error(Error::Kind::bad_origin, "origin " + quoted(without_secrets(text)) + " " + rule,
              "an origin is a host with an optional port, such as api.example.com, *.example.com or "
              "http://localhost:8080");
}

/// Takes "https://" or "http://" off the front.
Scheme take_scheme(std::string_view text, std::string_view& rest) {
  const auto end = text.find("://");
  if (end == text.npos) return Scheme::https;
  const std::string_view scheme = text.substr(0, end);
  rest = text.substr(end + 3);
  if (same_name(scheme, "https")) return Scheme::https;
  if (same_name(scheme, "http")) return Scheme::http;
  refuse(text, "has a scheme other than https and http");
}

/// The rules that a person breaks most, each named; from_authority would only say "a character".
void refuse_more_than_an_origin(std::string_view text, std::string_view authority) {
  if (authority.find('@') != authority.npos) refuse(text, "has a user name in it");
  if (authority.find('?') != authority.npos) refuse(text, "has a query in it");
  if (authority.find('#') != authority.npos) refuse(text, "has a fragment in it");
  if (authority.find_first_of("/\\") != authority.npos) refuse(text, "has a path in it");
  if (authority.find('*') != authority.npos)
    refuse(text, "has a wildcard that is not the whole leftmost label");
  if (authority.front() != '[' && std::ranges::count(authority, ':') > 1)
    refuse(text, "has an IPv6 address without brackets");
}

}  // namespace

std::optional<Origin> Origin::from_authority(Scheme scheme, std::string_view authority) {
  Origin origin{.scheme = scheme, .host = {}, .port = default_port(scheme)};
  if (parse_authority(authority, origin.host, origin.port) != Flaw::none) return std::nullopt;
  return origin;
}

std::optional<IpAddress> Origin::address() const { return IpAddress::parse(host); }

std::string Origin::authority() const { return authority_text(scheme, host, port); }

std::string Origin::to_string() const {
  return (scheme == Scheme::https ? "https://" : "http://") + authority();
}

OriginPattern OriginPattern::parse(std::string_view text) {
  std::string_view authority = text;
  OriginPattern pattern;
  pattern.scheme_ = take_scheme(text, authority);
  pattern.port_ = default_port(pattern.scheme_);
  if (authority.starts_with("*.")) {
    pattern.wildcard_ = true;
    authority.remove_prefix(2);
  }
  if (authority.empty()) refuse(text, text_of(Flaw::empty));
  refuse_more_than_an_origin(text, authority);
  if (const Flaw flaw = parse_authority(authority, pattern.host_, pattern.port_); flaw != Flaw::none)
    refuse(text, text_of(flaw));
  if (pattern.wildcard_ && IpAddress::parse(pattern.host_)) refuse(text, "has a wildcard over an address");
  return pattern;
}

bool OriginPattern::matches(const Origin& origin) const noexcept {
  return scheme_ == origin.scheme && port_ == origin.port && matches_host(origin.host);
}

bool OriginPattern::matches_host(std::string_view host) const noexcept {
  return wildcard_ ? is_subdomain(host, host_) : host == host_;
}

bool OriginPattern::covers(const OriginPattern& other) const noexcept {
  if (scheme_ != other.scheme_ || port_ != other.port_) return false;
  if (!wildcard_) return !other.wildcard_ && host_ == other.host_;
  return is_subdomain(other.host_, host_) || (other.wildcard_ && other.host_ == host_);
}

std::string OriginPattern::to_string() const {
  return std::string(scheme_ == Scheme::http ? "http://" : "") + (wildcard_ ? "*." : "") +
         authority_text(scheme_, host_, port_);
}

}  // namespace standin::proxy
