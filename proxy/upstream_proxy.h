#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proxy/ip_address.h"
#include "proxy/origin.h"
#include "proxy/wiping_allocator.h"

namespace standin::proxy {

/// The company's proxy, from HTTPS_PROXY and the like of standin's own environment.
struct UpstreamProxy {
  Origin endpoint;             // scheme http: the connection to the proxy itself is plain
  WipingBuffer authorization;  // the value of Proxy-Authorization, "Basic …"; empty: none

  /// "http://[user:password@]host:port", or "host:port"; user and password percent-decoded; port 80 where
  /// there is none. `variable` is the name of the one that held it, for messages. Throws
  /// Error(upstream_proxy) for other schemes and unreadable text; what() never shows user or password.
  static UpstreamProxy parse(std::string_view variable, std::string_view url);
};

/// NO_PROXY, as Go and curl read it: "*"; "example.com", which covers its subdomains; ".example.com" or
/// "*.example.com", which is only them; IP addresses; CIDR ranges. A name or an address may have a ":port".
/// Separated by commas or white space. What is none of these is ignored, as they do.
class NoProxy {
 public:
  NoProxy() = default;
  explicit NoProxy(std::string_view list);
  [[nodiscard]] bool covers(const Origin& origin) const noexcept;

 private:
  struct Entry {
    std::variant<IpNetwork, std::string> where;  // the string is a normalised host name
    bool itself = true;                          // a name: covers itself too, not only its subdomains
    std::optional<std::uint16_t> port;
  };
  static std::optional<Entry> parse_entry(std::string_view text);

  bool all_ = false;
  std::vector<Entry> entries_;
};

/// The way out for each scheme.
struct UpstreamRoute {
  std::optional<UpstreamProxy> https;
  std::optional<UpstreamProxy> http;
  NoProxy no_proxy;
};

}  // namespace standin::proxy
