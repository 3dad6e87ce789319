#pragma once

#include <string>

#include "tests/bench/end_to_end/tls_socket.h"
#include "tests/bench/end_to_end/wire.h"

namespace standin::bench {

/// Carries a wire's bytes over a socket that speaks TLS, both ways, as far as it goes without waiting.
class Pump {
 public:
  /// `again`, or how the connection ended.
  Step run(TlsSocket& socket, Wire& wire);

 private:
  /// `done` where all that the wire had in hand went, `again` where it waits for the socket.
  Step send(TlsSocket& socket, Wire& wire);
  std::string in_, out_;
  std::size_t sent_ = 0;  // of out_
};

}  // namespace standin::bench
