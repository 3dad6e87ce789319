#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/error.h"
#include "proxy/ip_address.h"

namespace standin::proxy {

enum class Scheme : std::uint8_t { http, https };

/// Scheme, host and port (RFC 6454, RFC 9110 4.3.1): where a request goes. The host is normalised: lower
/// case, A-labels (UTS 46), no trailing dot, an IP literal in its one spelling without brackets (decimal,
/// octal and hex spellings of an IPv4 address, "0x7f.1", become that address).
struct Origin {
  Scheme scheme = Scheme::https;
  std::string host;
  std::uint16_t port = 443;

  /// "HOST" or "HOST:PORT" as in CONNECT and Host (RFC 9110 7.2); nothing else, so no userinfo, path or
  /// space. nullopt for anything that is not one.
  static std::optional<Origin> from_authority(Scheme scheme, std::string_view authority);

  /// The address, where the host is one.
  [[nodiscard]] std::optional<IpAddress> address() const;
  /// "https://api.github.com", the default port left out, IPv6 in brackets.
  [[nodiscard]] std::string to_string() const;
  /// "api.github.com:8443", the default port left out: for Host.
  [[nodiscard]] std::string authority() const;

  bool operator==(const Origin&) const = default;
};

/// "api.example.com", "*.example.com", "example.com:8443", "[2001:db8::1]", "http://localhost:8080": an
/// origin as a person writes it. `https` unless `http://` is written out. A wildcard is the whole leftmost
/// label, and stands for one label or more, never for none.
class OriginPattern {
 public:
  /// Throws Error(bad_origin), what() naming the text (escaped, cut) and the rule it breaks: userinfo, a
  /// path, a query, an unknown scheme, a bad label, a wildcard elsewhere, a bad port, over 253 characters.
  static OriginPattern parse(std::string_view text);

  [[nodiscard]] bool matches(const Origin& origin) const noexcept;
  /// As matches(), whatever the scheme and port. `host` is normalised, as an Origin's is.
  [[nodiscard]] bool matches_host(std::string_view host) const noexcept;
  /// Every origin that `other` matches is matched by this one.
  [[nodiscard]] bool covers(const OriginPattern& other) const noexcept;

  [[nodiscard]] Scheme scheme() const noexcept { return scheme_; }
  /// Without the "*.": "example.com" for "*.example.com".
  [[nodiscard]] const std::string& host() const noexcept { return host_; }
  [[nodiscard]] bool is_wildcard() const noexcept { return wildcard_; }
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  /// The text that parses to this: "*.example.com:8443", "http://localhost:8080".
  [[nodiscard]] std::string to_string() const;

  bool operator==(const OriginPattern&) const = default;

 private:
  Scheme scheme_ = Scheme::https;
  std::string host_;
  bool wildcard_ = false;
  std::uint16_t port_ = 443;
};

}  // namespace standin::proxy
