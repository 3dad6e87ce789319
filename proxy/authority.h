#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace standin::proxy {

/// What is wrong with a host or a port, for a person; the hot path only looks whether there is something.
enum class Flaw {
  none,
  empty,
  character,
  label_empty,
  label_long,
  host_long,
  hyphen,
  number,
  ipv6,
  idn,
  port,
};

[[nodiscard]] const char* text_of(Flaw flaw);

/// "HOST" or "HOST:PORT" into a normalised host (as Origin has it) and a port, which stays as it is where the
/// text has none. What the two hold after a flaw is unspecified.
[[nodiscard]] Flaw parse_authority(std::string_view text, std::string& host, std::uint16_t& port);

/// Whether `host` is a name under `suffix`, by one label or more. Both are normalised.
[[nodiscard]] bool is_subdomain(std::string_view host, std::string_view suffix) noexcept;

}  // namespace standin::proxy
