#pragma once

#include "tests/reply.h"

namespace standin::test {

/// The answer to a WebSocket handshake (RFC 6455 4.2.2) by a server that sends every message back, without
/// extensions of its own, and answers pings and closes as it must. `extensions`: what it says to have agreed
/// on; that is right for whatever an echo of the same bytes keeps right.
Reply websocket_echo(const Received& request, const std::string& extensions = {});

}  // namespace standin::test
