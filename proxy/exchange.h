#pragma once

#include "proxy/body_transform.h"
#include "proxy/boundary.h"
#include "proxy/sides.h"

namespace standin::proxy {

/// One request, judged already, and its response, whatever version of HTTP either side speaks: forwards
/// `head` with the body that the client still sends, and streams both ways. `pass.exchange` may be null; it
/// is told how it ended, once.
Task<void> forward(ClientSide& client, const RequestHead& head, const PoolPointer& pool,
                   const Boundary& boundary, Pass pass);

}  // namespace standin::proxy
