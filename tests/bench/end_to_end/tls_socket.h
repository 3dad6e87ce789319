#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <openssl/ssl.h>

namespace standin::bench {

/// How a step on a non-blocking socket ended. `again`: epoll will tell.
enum class Step : std::uint8_t { done, again, closed, failed };

using Context = std::shared_ptr<SSL_CTX>;

/// A non-blocking TCP socket that TLS may be started on, registered edge-triggered for both directions
/// once, so that the generator costs as few system calls as it can.
class TlsSocket {
 public:
  TlsSocket(int epoll, int owned_socket, void* tag);
  ~TlsSocket();
  TlsSocket(const TlsSocket&) = delete;
  TlsSocket& operator=(const TlsSocket&) = delete;

  /// Begins to connect to 127.0.0.1.
  static int connecting(std::uint16_t port);

  Step connected() const;  // done once the connection stands
  void start_server(SSL_CTX* context);
  void start_client(SSL_CTX* context, const std::string& host);
  Step handshake();
  [[nodiscard]] bool speaks_http2() const;  // what ALPN chose
  /// Appends one record, or one piece where there is no TLS. `again`: nothing is there.
  Step read(std::string& into);
  /// Writes `bytes` from `offset` on and moves it.
  Step write(std::string_view bytes, std::size_t& offset);
  void close_notify() { SSL_shutdown(tls_); }

 private:
  Step outcome(int result) const;
  int socket_;
  SSL* tls_ = nullptr;
};

/// Chooses HTTP/2 for who offers it.
Context server_context(const std::string& certificate_file, const std::string& key_file);
/// Offers HTTP/2 alone, or says nothing of a version.
Context client_context(const std::string& roots_file, bool http2);

/// Nanoseconds of a clock that only goes forward.
std::uint64_t now();

[[noreturn]] void die(const std::string& why);

}  // namespace standin::bench
