#pragma once

#include <cstdint>
#include <string>

namespace standin::bench {

enum class Pattern : std::uint8_t { keep_alive, new_connections };

struct LoadOptions {
  std::uint16_t origin_port = 0;
  std::string roots_file;
  std::string token;
  std::string proxy_url;  // "http://user:password@127.0.0.1:port"; empty: straight to the origin
  Pattern pattern = Pattern::keep_alive;
  bool http2 = false;
  unsigned connections = 1;
  double seconds = 2;
  long watched_process = 0;  // whose processor time is counted
};

/// A closed loop of one thread against https://localhost:PORT/. Prints one line of JSON: rate, quantiles of
/// the latency in microseconds, and the watched process's microseconds of processor time per operation.
/// An operation is a request, or with new_connections TCP, CONNECT, TLS, one request and close.
int run_load(const LoadOptions& options);

}  // namespace standin::bench
