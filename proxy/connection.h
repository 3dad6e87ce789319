#pragma once

#include <string>

#include "proxy/exchange.h"
#include "proxy/tls.h"

namespace standin::proxy {

/// What every connection of a proxy shares.
struct Boundary {
  Interceptor& interceptor;
  Upstream& upstream;
  ServerTls& tls;
  const Limits& limits;
  const std::string authorization;  // the one value of Proxy-Authorization that is let in
};

/// A client's connection to the proxy, from its first request to its end: CONNECT and absolute-form requests
/// (RFC 9110 9.3.6, RFC 9112 3.2). Returns when nothing more can come over it.
Task<void> serve_connection(Client& client, const Boundary& boundary);

}  // namespace standin::proxy
