#pragma once

#include "proxy/boundary.h"
#include "proxy/redirection.h"

namespace standin::proxy {

/// A connection that was meant for `wanted` and was redirected here, from its first byte to its end. What it
/// says of itself decides: a ClientHello's or a request's name that is bound is read, anything else is
/// relayed as it came. Nothing is ever answered inside a protocol that is not ours to speak: what is refused
/// is reset.
Task<void> serve_captured(Client& client, const Endpoint& wanted, const Boundary& boundary);

}  // namespace standin::proxy
