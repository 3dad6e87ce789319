#pragma once

#include "broker/body_swap.h"
#include "proxy/websocket_relay.h"

namespace standin::broker {

/// What a child says over one WebSocket to `origin`, for WebSocketRelay: stand-ins in its text messages are
/// swapped where their credentials have the site ws-text. Empty where none has: the connection is relayed
/// unread, and the extensions it negotiates are its own business.
///
/// Each message is judged as BodySwapper::swap_text() says, by the scopes that held when the connection was
/// made; `calls` is asked for each, so that a secret that was rotated and a credential that was removed are
/// told from the next message on.
[[nodiscard]] proxy::MessageFilter websocket_swap(const BodySwapper& swapper, const proxy::Origin& origin,
                                                  BodyCalls calls);

}  // namespace standin::broker
