#pragma once

#include <string>
#include <vector>

#include "proxy/client.h"
#include "proxy/recorded.h"
#include "proxy/tls.h"
#include "proxy/upstream.h"

namespace standin::proxy {

class ClientHelloContext;

/// What every connection of a proxy shares, whichever door it came through.
struct Boundary {
  Interceptor& interceptor;
  TurnEnd& turn_end;
  Upstream& upstream;
  ServerTls& tls;
  const Limits& limits;
  const std::vector<OriginPattern>& bound;
  const std::string authorization;  // the one value of Proxy-Authorization that is let in
  const ClientHelloContext* client_hello =
      nullptr;  // for captured connections: null where that door is closed
};

}  // namespace standin::proxy
