#pragma once

#include <cstdint>

#include "proxy/client.h"
#include "proxy/client_hello.h"

namespace standin::proxy {

/// The first bytes of a captured connection, read into the client's inbox and left there as they came.
enum class Opening : std::uint8_t {
  read,   // as far as they are of use
  ended,  // the connection broke, or was ended: nobody is there to relay them for
};

/// Until it is clear whether it is a ClientHello, and for whom.
Task<Opening> read_client_hello(Client& client, ClientHelloReader& hello);

/// Until it is clear whether it is an HTTP/1 request, and for whom: `host` is then where its Host says. A
/// head that could be read in two ways says nothing.
Task<Opening> read_request_host(Client& client, std::size_t limit, std::optional<Origin>& host);

}  // namespace standin::proxy
