#include "proxy/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace standin::proxy {
namespace {

constexpr std::array<std::uint8_t, 12> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned mapped_bits = 96;

IpAddress masked(IpAddress address, unsigned prefix) noexcept {
  for (unsigned i = 0; i < address.bytes.size(); ++i) {
    const unsigned kept = prefix > i * 8 ? std::min(prefix - i * 8, 8U) : 0;
    address.bytes[i] = static_cast<std::uint8_t>(address.bytes[i] & (0xff00U >> kept));
  }
  return address;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  // inet_pton reads a C string: a NUL inside would hide what follows it.
  std::array<char, INET6_ADDRSTRLEN> name{};
  if (text.size() >= name.size() || text.find('\0') != text.npos) return std::nullopt;
  std::ranges::copy(text, name.begin());

  IpAddress address;
  if (inet_pton(AF_INET6, name.data(), address.bytes.data()) == 1) return address;
  if (in_addr v4{}; inet_pton(AF_INET, name.data(), &v4) == 1) return IpAddress::v4(ntohl(v4.s_addr));
  return std::nullopt;
}

IpAddress IpAddress::v4(std::uint32_t host_order) {
  IpAddress address;
  std::ranges::copy(mapped, address.bytes.begin());
  for (std::size_t i = 0; i < 4; ++i)
    address.bytes[12 + i] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
  return address;
}

bool IpAddress::is_v4() const noexcept { return std::equal(mapped.begin(), mapped.end(), bytes.begin()); }

bool IpAddress::is_loopback() const noexcept {
  if (is_v4()) return bytes[12] == 127;
  return bytes[15] == 1 && std::all_of(bytes.begin(), bytes.end() - 1, [](auto byte) { return byte == 0; });
}

std::string IpAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (is_v4())
    inet_ntop(AF_INET, bytes.data() + 12, text.data(), text.size());
  else
    inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
  return text.data();
}

std::optional<IpNetwork> IpNetwork::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto base = IpAddress::parse(text.substr(0, slash));
  if (!base) return std::nullopt;
  if (slash == text.npos) return IpNetwork{*base, 128};

  // Counted from where the text's own family begins: "::ffff:10.0.0.0/104" is "10.0.0.0/8".
  const unsigned offset = text.find(':') == text.npos ? mapped_bits : 0;
  const std::string_view digits = text.substr(slash + 1);
  unsigned bits = 0;
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (fault != std::errc{} || end != digits.data() + digits.size() || bits > 128 - offset)
    return std::nullopt;
  return IpNetwork{masked(*base, offset + bits), offset + bits};
}

bool IpNetwork::contains(const IpAddress& address) const noexcept { return masked(address, prefix) == base; }

bool IpNetwork::contains(const IpNetwork& other) const noexcept {
  return other.prefix >= prefix && contains(other.base);
}

}  // namespace standin::proxy
