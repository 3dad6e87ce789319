#include "broker/no_proxy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include "proxy/ascii.h"
#include "proxy/ip_address.h"
#include "proxy/message.h"

namespace standin::broker {
namespace {

constexpr std::string_view separators = ", \t\r\n";
// "[::1]" beside "::1": undici compares with the brackets of the URL.
constexpr std::array<std::string_view, 4> loopback_names = {"localhost", "127.0.0.1", "::1", "[::1]"};

std::vector<std::string_view> entries_of(std::string_view list) {
  std::vector<std::string_view> entries;
  for (std::size_t at = list.find_first_not_of(separators); at != std::string_view::npos;) {
    const std::size_t end = std::min(list.find_first_of(separators, at), list.size());
    entries.push_back(list.substr(at, end - at));
    at = list.find_first_not_of(separators, end);
  }
  return entries;
}

struct Entry {
  std::string_view host;
  std::optional<std::uint16_t> port;
};

/// The ":port" off, where there is one: an address with several colons has none unless it has brackets.
Entry split(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return {text, {}};
  if (!text.starts_with('[') && text.find(':') != colon) return {text, {}};
  std::uint16_t port = 0;
  const auto* end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data() + colon + 1, end, port);
  if (error != std::errc{} || last != end) return {text, {}};
  return {text.substr(0, colon), port};
}

/// As origins have it: lower case, A-labels, an address in its one spelling.
std::string normalised(std::string_view host) {
  const auto origin = proxy::Origin::from_authority(proxy::Scheme::https, host);
  return origin ? origin->host : proxy::lower(host);
}

std::optional<proxy::IpNetwork> network_of(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return proxy::IpNetwork::parse(host);
}

/// Some name that `bound` stands for ends with `suffix`.
bool suffix_covers(std::string_view suffix, const proxy::OriginPattern& bound) {
  if (!bound.is_wildcard()) return bound.host().ends_with(suffix);
  const std::string under = "." + bound.host();
  return under.ends_with(suffix) || suffix.ends_with(under);
}

bool prefix_covers(std::string_view prefix, const proxy::OriginPattern& bound) {
  return bound.is_wildcard() || std::string_view(bound.host()).starts_with(prefix);
}

/// This machine, by any of its names and networks. To axios all of them are one: "127.0.0.1" in the list
/// covers "localhost", and "::1" covers both.
bool is_this_machine(std::string_view host) {
  if (const auto network = network_of(host)) {
    return network->contains(proxy::IpAddress::v4(0x7f000001)) ||
           network->contains(*proxy::IpAddress::parse("::1"));
  }
  const std::string name = normalised(host);
  return name == "localhost" || name.ends_with(".localhost");
}

bool covers(std::string_view text, const proxy::OriginPattern& bound) {
  if (text == "<local>") return !bound.is_wildcard() && !bound.host().contains('.');
  const auto [host, port] = split(text);
  if (host.empty() || (port && *port != bound.port())) return false;

  const std::size_t begin = host.find_first_not_of("*.");
  if (begin == std::string_view::npos) return true;  // "*"
  const std::string_view name = host.substr(begin);
  const auto bound_address = proxy::IpAddress::parse(bound.host());
  if (const auto network = network_of(name)) {
    return (bound_address && network->contains(*bound_address)) ||
           (is_this_machine(bound.host()) && is_this_machine(name));
  }
  if (normalised(name) == bound.host()) return true;
  if (is_this_machine(bound.host()) && is_this_machine(name)) return true;
  // "10." and "192.168.*" are ranges to some. Of a glob only its fixed ends count.
  if (name.ends_with('*') || (bound_address && name.ends_with('.'))) {
    return prefix_covers(proxy::lower(name.substr(0, name.find('*'))), bound);
  }
  const std::string_view suffix = name.substr(name.rfind('*') + 1);  // all of it where there is no '*'
  // Half an address is not one: "2.3" would be normalised to "2.0.0.3".
  return suffix_covers(bound_address ? proxy::lower(suffix) : normalised(suffix), bound);
}

}  // namespace

std::string merged_no_proxy(std::string_view parent, std::span<const proxy::OriginPattern> bound) {
  std::vector<std::string_view> entries = entries_of(parent);
  entries.insert(entries.end(), loopback_names.begin(), loopback_names.end());
  std::vector<std::string_view> kept;
  for (const std::string_view entry : entries) {
    const bool leads_around =
        std::ranges::any_of(bound, [&](const auto& pattern) { return covers(entry, pattern); });
    const bool doubled =
        std::ranges::any_of(kept, [&](auto other) { return proxy::same_name(other, entry); });
    if (!leads_around && !doubled) kept.push_back(entry);
  }
  std::string merged;
  for (const std::string_view entry : kept) {
    if (!merged.empty()) merged += ',';
    merged += entry;
  }
  return merged;
}

}  // namespace standin::broker
