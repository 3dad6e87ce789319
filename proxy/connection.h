#pragma once

#include "proxy/boundary.h"

namespace standin::proxy {

/// A client's connection to the proxy, from its first request to its end: CONNECT and absolute-form requests
/// (RFC 9110 9.3.6, RFC 9112 3.2). Returns when nothing more can come over it.
Task<void> serve_connection(Client& client, const Boundary& boundary);

}  // namespace standin::proxy
