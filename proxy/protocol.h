#pragma once

#include <cstdint>

namespace standin::proxy {

/// What a peer speaks inside TLS, or instead of it.
enum class Protocol : std::uint8_t { http1, http2 };

}  // namespace standin::proxy
