#pragma once

#include "tests/reply.h"

namespace standin::test {

/// The answer to a WebSocket handshake (RFC 6455 4.2.2) by a server that sends every message back, without
/// extensions, and answers pings and closes as it must.
Reply websocket_echo(const Received& request);

}  // namespace standin::test
