#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/credential.h"
#include "proxy/interceptor.h"
#include "proxy/ip_address.h"
#include "proxy/origin.h"

namespace standin::broker {

enum class EgressMode : std::uint8_t { guarded, locked, open };
/// "guarded", "locked", "open"; throws Error(bad_network).
EgressMode parse_egress_mode(std::string_view text);

/// What the child may reach through us. See boundary.md's table, kept in docs/threat-model.md.
///
/// Asked twice: with the origin before its name is resolved, then with each address it resolved to, because
/// a name of the attacker's may point anywhere (DNS rebinding). An origin that is an address is judged by
/// it at the first question already.
///
/// The order, each step final: link-local and metadata are refused, whatever is bound, allowed or the mode;
/// a bound origin passes; what --allow-net names passes; then the mode decides, loopback passing in each.
/// What an address is, and which address is inside another: broker/address_reach.h.
class Egress {
 public:
  /// `allowed`: --allow-net values, "10.0.0.0/8", "192.0.2.7", "internal.example.com", "*.corp.example".
  /// Throws Error(bad_network), also for a range that is link-local or metadata only.
  Egress(EgressMode mode, std::vector<proxy::OriginPattern> bound, const std::vector<std::string>& allowed);

  /// Refusal 403 egress_denied, with the mode and the flag that would allow it.
  [[nodiscard]] std::optional<proxy::Refusal> check_origin(const proxy::Origin& origin) const;
  [[nodiscard]] std::optional<proxy::Refusal> check_address(const proxy::Origin& origin,
                                                            const proxy::IpAddress& address) const;
  /// The first step alone: for an address that the child connects to before anybody knows by what name.
  [[nodiscard]] static std::optional<proxy::Refusal> check_metadata(const proxy::IpAddress& address);

 private:
  void allow(std::string_view text);
  [[nodiscard]] bool is_bound(const proxy::Origin& origin) const noexcept;
  [[nodiscard]] bool is_allowed_host(const proxy::Origin& origin) const noexcept;
  [[nodiscard]] bool is_allowed_address(const proxy::IpAddress& address) const noexcept;

  EgressMode mode_;
  std::vector<proxy::OriginPattern> bound_;
  std::vector<proxy::IpNetwork> allowed_networks_;
  std::vector<proxy::OriginPattern> allowed_hosts_;  // whatever their scheme and port
};

}  // namespace standin::broker
