#pragma once

#include "proxy/body_transform.h"
#include "proxy/sides.h"
#include "proxy/upstream.h"

namespace standin::proxy {

/// One request, judged already, and its response, whatever version of HTTP either side speaks: forwards
/// `head` with the body that the client still sends, and streams both ways. `pass.exchange` may be null; it
/// is told how it ended, once.
Task<void> forward(ClientSide& client, const RequestHead& head, const PoolPointer& pool, Upstream& upstream,
                   Interceptor& interceptor, Pass pass);

}  // namespace standin::proxy
