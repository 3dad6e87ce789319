#pragma once

#include "proxy/inbox.h"
#include "proxy/stream.h"
#include "proxy/wiping_allocator.h"

namespace standin::proxy {

struct Relayed {
  std::uint64_t from_client = 0;  // as sent to the origin
  std::uint64_t from_origin = 0;  // as it came
};

/// What the bytes of one direction go through on their way. Owned by relay()'s caller; sans-IO.
class Passage {
 public:
  virtual ~Passage() = default;

  /// Takes what came and appends what goes on. False: this is the end of it, in both directions.
  [[nodiscard]] virtual bool feed(std::string_view bytes, WipingBuffer& out) = 0;
  /// Either direction came to such an end: appends what the receiver of this one is to read last, if it
  /// can be told anything here.
  virtual void part(WipingBuffer& out) = 0;
};

/// Of the two directions; null: as they are.
struct Passages {
  Passage* from_client = nullptr;
  Passage* from_origin = nullptr;
};

/// Bytes in both directions, until both sides have ended or one broke. A side that only finished writing has
/// that passed on, and may go on reading (TCP half-close). `client_early` and `origin_early` were read before
/// the relaying began, and go first.
Task<Relayed> relay(Stream& client, Inbox& client_early, Stream& origin, Inbox& origin_early,
                    Passages passages = {});

/// The same to an origin that was just connected to.
Task<void> serve_tunnel(Stream& client, Inbox& client_early, Socket origin);

}  // namespace standin::proxy
