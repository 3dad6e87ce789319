#pragma once

#include "proxy/inbox.h"
#include "proxy/stream.h"

namespace standin::proxy {

struct Relayed {
  std::uint64_t from_client = 0;
  std::uint64_t from_origin = 0;
};

/// Bytes in both directions, as they are, until both sides have ended or one broke. A side that only
/// finished writing has that passed on, and may go on reading (TCP half-close). `client_early` and
/// `origin_early` were read before the relaying began, and go first.
Task<Relayed> relay(Stream& client, Inbox& client_early, Stream& origin, Inbox& origin_early);

/// The same to an origin that was just connected to.
Task<void> serve_tunnel(Stream& client, Inbox& client_early, Socket origin);

}  // namespace standin::proxy
