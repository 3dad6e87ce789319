#pragma once

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/error.h"
#include "proxy/interceptor.h"
#include "proxy/origin.h"
#include "proxy/redirection.h"
#include "proxy/upstream_proxy.h"

namespace standin::proxy {

/// Bounds, so that a hostile peer costs little. Time is measured coarsely (a second).
struct Limits {
  std::size_t max_head_bytes = 64 * 1024;
  std::size_t max_connections = 8192;
  // From the first byte of a head, or of a handshake, to its end; of captured connections, from their
  // arrival.
  std::chrono::seconds client_head{60};
  std::chrono::seconds upstream_connect{30};  // resolve, connect and TLS handshake together
  std::chrono::seconds pool_idle{60};
  // An origin of HTTP/2 that is silent for so long while a request waits is asked whether it is still there,
  // and then has so long to answer before the connection is given up.
  std::chrono::seconds http2_silence{10};
  std::chrono::seconds http2_answer{20};
};

/// connect(2) as somebody else makes it: the errno, 0 for success. Called from the proxy's thread with a
/// non-blocking socket.
using ConnectCall = std::function<int(int socket, const sockaddr* address, socklen_t length)>;

/// Whether the proxy has its other door, proxy/redirection.h, too.
enum class CapturedDoor : std::uint8_t { closed, open };

struct ProxyOptions {
  std::vector<OriginPattern> bound;  // what this run's certificate authority may vouch for
  std::string trust_file;            // PEM roots for upstream TLS; empty: the system's
  std::string trust_directory;       // hashed directory of roots; empty: the system's
  UpstreamRoute upstream;
  Limits limits;
  CapturedDoor captured = CapturedDoor::closed;
  ConnectCall connect;  // empty: the kernel's own
};

/// The boundary: a proxy on a loopback port, for one run (RFC 9110 7.3, 9.3.6; RFC 9112).
///
/// The constructor makes the run's certificate authority and listens, but serves nothing yet: connections
/// wait in the backlog until start(). Everything is then done on one thread of the proxy's own, and the
/// interceptor is called from there. Throws Error(listen), Error(tls), Error(trust).
class Proxy {
 public:
  Proxy(ProxyOptions options, Interceptor& interceptor);  // the interceptor must outlive it
  ~Proxy();                                               // stop()
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept;
  /// "http://standin:PASSWORD@127.0.0.1:PORT"; the password is 128 random bits of this run. A request
  /// without it gets 407, because other users of the machine can reach the port.
  [[nodiscard]] std::string url() const;
  /// The authority's certificate, PEM. Its key never leaves this object's memory.
  [[nodiscard]] const std::string& authority_pem() const noexcept;

  /// The door for captured connections; null where it is closed. Lives as long as the proxy; may be used
  /// before start().
  [[nodiscard]] Redirection* redirection() noexcept;

  void start();
  /// Ends every connection, tells every open exchange that it finished, joins the thread. Idempotent.
  void stop() noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace standin::proxy
