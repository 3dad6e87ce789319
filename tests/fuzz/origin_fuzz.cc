// Whatever the child or a person writes as an origin: it is read the same again, or it is refused, and a
// refusal shows nothing that a terminal would act on.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "proxy/error.h"
#include "proxy/ip_address.h"
#include "proxy/origin.h"
#include "proxy/upstream_proxy.h"

namespace {

using namespace standin::proxy;

void require(bool holds) {
  if (!holds) std::abort();
}

bool is_one_printable_line(std::string_view text) {
  for (const char c : text)
    if (c < 0x20 || c > 0x7e) return false;
  return text.size() < 400;
}

/// Nothing of a request line, a header or a shell survives in a host.
void check_host(std::string_view host) {
  require(!host.empty() && host.size() <= 253);
  require(host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.:") == host.npos);
  require(host.find(':') == host.npos || IpAddress::parse(host).has_value());
}

void check_authority(Scheme scheme, std::string_view text) {
  const auto origin = Origin::from_authority(scheme, text);
  if (!origin) return;
  check_host(origin->host);
  require(origin->port != 0);
  require(Origin::from_authority(scheme, origin->authority()) == origin);
  if (const auto address = origin->address()) require(address->to_string() == origin->host);

  const auto pattern = OriginPattern::parse(origin->to_string());
  require(pattern.matches(*origin) && pattern.covers(pattern) && !pattern.is_wildcard());
}

void check_pattern(std::string_view text) {
  try {
    const auto pattern = OriginPattern::parse(text);
    check_host(pattern.host());
    require(OriginPattern::parse(pattern.to_string()) == pattern);
    require(pattern.covers(pattern));
  } catch (const Error& error) {
    require(error.kind() == Error::Kind::bad_origin && is_one_printable_line(error.what()));
  }
}

void check_upstream(std::string_view text) {
  try {
    const auto proxy = UpstreamProxy::parse("HTTPS_PROXY", text);
    require(view(proxy.authorization).find_first_of("\r\n") == std::string_view::npos);
  } catch (const Error& error) {
    require(error.kind() == Error::Kind::upstream_proxy && is_one_printable_line(error.what()));
  }
  const NoProxy list(text);
  (void)list.covers({.scheme = Scheme::https, .host = "api.example.com", .port = 443});
  (void)list.covers({.scheme = Scheme::http, .host = "127.0.0.1", .port = 80});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_authority(Scheme::https, text);
  check_authority(Scheme::http, text);
  check_pattern(text);
  check_upstream(text);
  if (const auto network = IpNetwork::parse(text)) require(network->contains(network->base));
  return 0;
}
