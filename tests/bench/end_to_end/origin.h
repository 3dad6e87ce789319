#pragma once

#include <cstdint>
#include <string>

namespace standin::bench {

struct OriginOptions {
  std::string folder;  // where it writes ca.pem and its certificate
  std::string token;   // what a request must carry, or it gets 401
};

/// An HTTPS origin of one thread, for localhost and *.bench.test, that speaks HTTP/2 with whoever offers it
/// and HTTP/1.1 else. wire.h says what it answers. Prints its port; ends when stdin does.
int serve_origin(const OriginOptions& options);

}  // namespace standin::bench
