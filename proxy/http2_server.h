#pragma once

#include "proxy/boundary.h"

namespace standin::proxy {

/// What a client that speaks HTTP/2 without being asked begins with (RFC 9113 3.4).
inline constexpr std::string_view http2_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Requests of HTTP/2 inside a connection to one bound origin: each stream is judged and forwarded as a
/// request of HTTP/1.1 is. Returns when every one of them has ended.
Task<void> serve_http2(Client& client, const Origin& origin, const Boundary& boundary);

}  // namespace standin::proxy
