#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/origin.h"
#include "proxy/wiping_allocator.h"

namespace standin::proxy {

/// The company's proxy, from HTTPS_PROXY and the like of standin's own environment.
struct UpstreamProxy {
  Origin endpoint;             // scheme http: the connection to the proxy itself is plain
  WipingBuffer authorization;  // the value of Proxy-Authorization, "Basic …"; empty: none

  /// "http://[user:password@]host:port", or "host:port". Throws Error(upstream_proxy) for other schemes
  /// and unreadable text; what() never shows user or password.
  static UpstreamProxy parse(std::string_view variable, std::string_view url);
};

/// NO_PROXY: "*", host names (which cover their subdomains), ".suffix", IP addresses, CIDR ranges, each
/// with an optional ":port"; separated by commas or white space.
class NoProxy {
 public:
  NoProxy() = default;
  explicit NoProxy(std::string_view list);
  [[nodiscard]] bool covers(const Origin& origin) const noexcept;

 private:
  std::vector<std::string> entries_;
};

/// The way out for each scheme.
struct UpstreamRoute {
  std::optional<UpstreamProxy> https;
  std::optional<UpstreamProxy> http;
  NoProxy no_proxy;
};

}  // namespace standin::proxy
