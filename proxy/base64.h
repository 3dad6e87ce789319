#pragma once

#include <cstddef>
#include <span>

namespace standin::proxy {

/// How much encode_base64() writes for so many bytes.
constexpr std::size_t base64_size(std::size_t bytes) noexcept { return 4 * ((bytes + 2) / 3) + 1; }

/// RFC 4648 4, with padding and a NUL behind it. A tenth of the cost of libsodium's, because it is not in
/// constant time: never for a secret.
void encode_base64(std::span<const unsigned char> bytes, char* out) noexcept;

}  // namespace standin::proxy
