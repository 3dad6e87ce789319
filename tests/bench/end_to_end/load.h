#pragma once

#include <cstdint>
#include <string>

namespace standin::bench {

struct LoadOptions {
  std::uint16_t origin_port = 0;
  std::string roots_file;
  std::string token;
  std::string proxy_url;  // "http://user:password@127.0.0.1:port"; empty: straight to the origin
  std::string pattern;    // one of those below
  bool http2 = false;
  unsigned connections = 1;
  unsigned streams = 1;  // of HTTP/2: requests at once on each connection
  double seconds = 2;
  std::uint64_t bytes = 1 << 30;
  unsigned count = 100;      // of names, events
  unsigned first_name = 0;   // the first of those names
  long watched_process = 0;  // whose processor time and memory are counted
};

/// One pattern of load of one thread against https://localhost:PORT/; prints its figures as a line of JSON.
/// Latencies are in microseconds, `processor` is the watched process's microseconds of an operation, memory
/// is in MiB.
///   keep-alive   requests for the time given, the next when one is answered: rate, p50, p99, processor
///   new          the same with TCP, CONNECT, TLS and close around each request
///   names        `new` for so many names hN.bench.test in turn, then for the same again: p50 and p99, again
///   down, up     one body of so many bytes: rate in MiB/s, processor of a GiB, growth of resident memory
///   events       delays of so many Server-Sent Events: p50, p99, processor
///   tunnels      so many connections that did one request each and stay: memory before, and growth for 1,000
int run_load(const LoadOptions& options);

}  // namespace standin::bench
