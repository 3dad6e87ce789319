#include "broker/egress.h"

#include <algorithm>
#include <array>

#include "broker/address_reach.h"
#include "proxy/quoted.h"

namespace standin::broker {
namespace {

using proxy::IpAddress;
using proxy::IpNetwork;
using proxy::quoted;
using proxy::Refusal;

/// Names that resolve to metadata services, through a resolver's or a proxy's eyes maybe where we see no
/// address at all.
bool is_metadata_name(std::string_view host) noexcept {
  constexpr std::array<std::string_view, 6> names = {
      "metadata",      "metadata.google.internal",   "metadata.goog",
      "instance-data", "instance-data.ec2.internal", "metadata.tencentyun.com"};
  return std::ranges::find(names, host) != names.end();
}

/// RFC 6761 6.3. What it resolves to is judged again, as an address.
bool is_loopback_name(std::string_view host) noexcept {
  return host == "localhost" || host.ends_with(".localhost");
}

Refusal denied(std::string message, std::string hint) {
  return {.status = 403, .code = "egress_denied", .message = std::move(message), .hint = std::move(hint)};
}

Refusal denied_forever(const std::string& what) {
  return denied(what + " is link-local or cloud metadata",
                "no mode or flag allows it: it hands out the machine's own credentials");
}

/// "address 10.0.0.5 of "intranet.corp"", or "address 10.0.0.5" where the child asked for just that.
std::string described(const proxy::Origin& origin, const IpAddress& address) {
  const std::string text = address.to_string();
  return "address " + text + (origin.host == text ? "" : " of " + quoted(origin.host));
}

std::string allow_hint(const std::string& what) { return "allow it with '--allow-net " + what + "'"; }

[[noreturn]] void refuse(std::string_view text, const std::string& reason, std::string hint = {}) {
  throw Error(Error::Kind::bad_network, "--allow-net " + quoted(text) + " " + reason, std::move(hint));
}

constexpr const char* allow_net_hint =
    "give an address, a range or a host, such as 10.0.0.5, 10.0.0.0/8, intranet.example or *.corp.example";

}  // namespace

EgressMode parse_egress_mode(std::string_view text) {
  if (text == "guarded") return EgressMode::guarded;
  if (text == "locked") return EgressMode::locked;
  if (text == "open") return EgressMode::open;
  throw Error(Error::Kind::bad_network, "egress mode " + quoted(text) + " is not guarded, locked or open");
}

Egress::Egress(EgressMode mode, std::vector<proxy::OriginPattern> bound,
               const std::vector<std::string>& allowed)
    : mode_(mode), bound_(std::move(bound)) {
  for (const std::string& text : allowed) allow(text);
}

void Egress::allow(std::string_view text) {
  auto network = IpNetwork::parse(text);
  if (!network) {
    if (text.find('/') != text.npos) refuse(text, "is not a range of addresses", allow_net_hint);
    try {
      // With any port in it a second one is a flaw: this refuses a port, and an IPv6 address may go bare.
      const auto host = parse_origin(std::string(text) + ":443");
      if (const auto address = IpAddress::parse(host.host()))
        network = IpNetwork{*address, 128};
      else if (is_metadata_name(host.host()))
        refuse(text, "is cloud metadata, which no flag allows");
      else
        allowed_hosts_.push_back(host);
    } catch (const Error& error) {
      if (error.kind() == Error::Kind::bad_network) throw;
      refuse(text, "is not an address, a range or a host", allow_net_hint);
    }
  }
  if (!network) return;
  if (is_never_allowed(*network)) refuse(text, "is link-local or cloud metadata, which no flag allows");
  allowed_networks_.push_back(*network);
}

bool Egress::is_bound(const proxy::Origin& origin) const noexcept {
  return std::ranges::any_of(bound_, [&](const auto& pattern) { return pattern.matches(origin); });
}

bool Egress::is_allowed_host(const proxy::Origin& origin) const noexcept {
  return std::ranges::any_of(allowed_hosts_,
                             [&](const auto& host) { return host.matches_host(origin.host); });
}

bool Egress::is_allowed_address(const IpAddress& address) const noexcept {
  const auto inner = embedded_v4(address);
  return std::ranges::any_of(allowed_networks_, [&](const IpNetwork& network) {
    return network.contains(address) || (inner && network.contains(*inner));
  });
}

std::optional<Refusal> Egress::check_origin(const proxy::Origin& origin) const {
  if (const auto address = origin.address()) return check_address(origin, *address);
  if (is_metadata_name(origin.host)) return denied_forever("host " + quoted(origin.host));
  if (mode_ != EgressMode::locked) return std::nullopt;
  if (is_bound(origin) || is_allowed_host(origin) || is_loopback_name(origin.host)) return std::nullopt;
  // A range may hold what the name resolves to. Without one nothing is asked of DNS: a name is a message.
  if (!allowed_networks_.empty()) return std::nullopt;
  return denied("host " + quoted(origin.host) + " is not of this run's credentials, and egress is locked",
                allow_hint(origin.host));
}

std::optional<Refusal> Egress::check_metadata(const IpAddress& address) {
  if (reach_of(address) != Reach::never) return std::nullopt;
  return denied_forever("address " + address.to_string());
}

std::optional<Refusal> Egress::check_address(const proxy::Origin& origin, const IpAddress& address) const {
  const Reach reach = reach_of(address);
  if (reach == Reach::never) return denied_forever(described(origin, address));
  if (is_bound(origin) || is_allowed_host(origin) || is_allowed_address(address)) return std::nullopt;
  if (reach == Reach::loopback) return std::nullopt;
  if (mode_ == EgressMode::locked)
    return denied(described(origin, address) + " is not of this run's credentials, and egress is locked",
                  allow_hint(address.to_string()));
  if (mode_ == EgressMode::guarded && reach == Reach::private_range)
    return denied(described(origin, address) + " is private", allow_hint(address.to_string()));
  return std::nullopt;
}

}  // namespace standin::broker
