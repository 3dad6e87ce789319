#pragma once

#include "proxy/boundary.h"

namespace standin::proxy {

/// The first byte of a TLS connection: the record that begins the handshake (RFC 8446 5.1).
inline constexpr unsigned char tls_handshake_record = 0x16;

/// Requests inside a connection to one bound origin, under TLS or (for a bound `http` origin) without.
Task<void> serve_bound(Client& client, const Origin& origin, const Boundary& boundary);

/// The same for a client that is about to shake hands, or has begun to (what it sent is in its inbox): TLS is
/// ended here, with the run's leaf for the origin. The handshake's limit is the caller's to set.
Task<void> serve_bound_tls(Client& client, const Origin& origin, const Boundary& boundary);

}  // namespace standin::proxy
