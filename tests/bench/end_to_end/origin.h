#pragma once

#include <cstdint>
#include <string>

namespace standin::bench {

struct OriginOptions {
  std::string folder;  // where it writes ca.pem and its certificate
  std::string token;   // what a request must carry, or it gets 401
};

/// An HTTPS origin of one thread that answers each GET with 1 KiB. Prints its port; ends when stdin does.
int serve_origin(const OriginOptions& options);

}  // namespace standin::bench
