#include "proxy/upstream_proxy.h"

#include <algorithm>

#include <openssl/evp.h>

#include "proxy/ascii.h"
#include "proxy/authority.h"
#include "proxy/error.h"
#include "proxy/message.h"

namespace standin::proxy {
namespace {

constexpr std::size_t longest_url = 4096;

/// Never the URL itself: with a "/" or "@" in the wrong place, any part of it may be the password.
[[noreturn]] void refuse(std::string_view variable, std::string_view reason) {
  throw Error(
      Error::Kind::upstream_proxy, std::string(variable) + " " + std::string(reason),
      "set it to http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, with special characters of user and "
      "password percent-encoded");
}

std::string_view take_scheme(std::string_view variable, std::string_view url) {
  const auto end = url.find("://");
  if (end == url.npos) return url;
  const std::string_view scheme = url.substr(0, end);
  if (same_name(scheme, "http")) return url.substr(end + 3);
  for (const std::string_view known : {"https", "socks", "socks4", "socks4a", "socks5", "socks5h"})
    if (same_name(scheme, known))
      refuse(variable, "names a proxy of scheme " + std::string(known) + ", which is not supported");
  refuse(variable, "names a proxy of an unknown scheme");
}

WipingBuffer percent_decoded(std::string_view variable, std::string_view text) {
  WipingBuffer out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
    if (low < 0) refuse(variable, "has a user or password with a % that is not followed by two hex digits");
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

/// RFC 7617, from "user:password" or "user".
WipingBuffer basic_authorization(std::string_view variable, std::string_view userinfo) {
  const auto colon = userinfo.find(':');
  WipingBuffer pair = percent_decoded(variable, userinfo.substr(0, colon));
  pair.push_back(':');
  if (colon != userinfo.npos) append(pair, view(percent_decoded(variable, userinfo.substr(colon + 1))));

  WipingBuffer value;
  append(value, "Basic ");
  const std::size_t start = value.size();
  value.resize(start + (pair.size() + 2) / 3 * 4 + 1);  // and the NUL that EVP_EncodeBlock writes
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(value.data() + start),
                  reinterpret_cast<const unsigned char*>(pair.data()), static_cast<int>(pair.size()));
  value.pop_back();
  return value;
}

bool has_port(std::string_view authority) noexcept {
  return authority.starts_with('[') ? !authority.ends_with(']') : authority.find(':') != authority.npos;
}

bool is_separator(char c) noexcept { return c == ',' || c == ' ' || (c >= '\t' && c <= '\r'); }

}  // namespace

UpstreamProxy UpstreamProxy::parse(std::string_view variable, std::string_view url) {
  if (url.size() > longest_url) refuse(variable, "is over 4096 characters");
  std::string_view authority = take_scheme(variable, url);
  if (authority.ends_with('/')) authority.remove_suffix(1);

  UpstreamProxy proxy;
  // The last "@": clients take a password that has one, not encoded.
  if (const auto at = authority.rfind('@'); at != authority.npos) {
    proxy.authorization = basic_authorization(variable, authority.substr(0, at));
    authority.remove_prefix(at + 1);
  }
  auto endpoint = Origin::from_authority(Scheme::http, authority);
  if (!endpoint) refuse(variable, "is not the URL of a proxy");
  proxy.endpoint = std::move(*endpoint);
  return proxy;
}

NoProxy::NoProxy(std::string_view list) {
  for (auto rest = list; !rest.empty();) {
    const auto end = std::ranges::find_if(rest, is_separator);
    const auto text = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
    rest.remove_prefix(std::min(text.size() + 1, rest.size()));
    if (text == "*") all_ = true;
    if (auto entry = parse_entry(text)) entries_.push_back(std::move(*entry));
  }
}

std::optional<NoProxy::Entry> NoProxy::parse_entry(std::string_view text) {
  if (const auto network = IpNetwork::parse(text))
    return Entry{.where = *network, .itself = true, .port = {}};
  const bool only_under = text.starts_with('.') || text.starts_with("*.");
  if (only_under) text.remove_prefix(text.find('.') + 1);

  const auto origin = Origin::from_authority(Scheme::https, text);
  if (!origin) return std::nullopt;
  Entry entry{.where = origin->host, .itself = !only_under, .port = {}};
  if (const auto address = origin->address()) entry.where = IpNetwork{*address, 128};
  if (has_port(text)) entry.port = origin->port;
  return entry;
}

bool NoProxy::covers(const Origin& origin) const noexcept {
  if (all_) return true;
  const auto address = origin.address();
  return std::ranges::any_of(entries_, [&](const Entry& entry) {
    if (entry.port && *entry.port != origin.port) return false;
    if (const auto* network = std::get_if<IpNetwork>(&entry.where))
      return address && network->contains(*address);
    const std::string& name = std::get<std::string>(entry.where);
    return origin.host == name ? entry.itself : is_subdomain(origin.host, name);
  });
}

}  // namespace standin::proxy
