#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include <openssl/ssl.h>

namespace standin::test {

/// The peer closed by reset, a handshake failed, or nothing came for half a minute.
class StreamError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// One blocking connection, plain or TLS, that reads ahead into a buffer. For tests on both ends: simple
/// before quick. One thread at a time, but stop() may come from another. Every wait ends after 30 seconds.
class Stream {
 public:
  explicit Stream(int owned_socket);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  static int connect_loopback(std::uint16_t port);
  /// A listening socket on 127.0.0.1 and the port that the kernel chose.
  static int listen_loopback(std::uint16_t& port);
  static int listen(const std::string& on_address, std::uint16_t& port);

  /// Both throw StreamError with OpenSSL's reason. `host` is verified: a name or an address. `app_data` is
  /// for the context's callbacks.
  void accept_tls(SSL_CTX* context, void* app_data);
  void connect_tls(SSL_CTX* context, const std::string& host, SSL_SESSION* resume, void* app_data);
  [[nodiscard]] SSL* tls() const noexcept { return tls_; }

  /// What is buffered, else what arrives next; empty at the end (FIN or close_notify). `tls_truncated()`
  /// tells an end without close_notify.
  std::string read_some(std::size_t at_most = 65536);
  std::string read_exactly(std::size_t size);
  /// Up to and with `delimiter`; what came before the end where it never comes.
  std::string read_until(std::string_view delimiter, std::size_t at_most = 1 << 20);
  [[nodiscard]] bool tls_truncated() const noexcept { return truncated_; }

  void write(std::string_view bytes);
  void half_close();  // close_notify where TLS, and FIN; reading goes on
  void fin();         // FIN without close_notify
  void reset();       // RST
  /// Reads and forgets until the peer closes, so that closing does not reset what it has yet to read.
  void drain() noexcept;
  void stop() noexcept;  // from another thread: whatever is waited for ends
  [[nodiscard]] int socket() const noexcept { return socket_; }

 private:
  bool fill(std::size_t at_most);
  std::size_t receive(char* data, std::size_t size);
  [[noreturn]] void fail(const char* what);
  void begin_tls(SSL_CTX* context, void* app_data);

  int socket_;
  SSL* tls_ = nullptr;
  bool truncated_ = false;
  std::string buffer_;
};

}  // namespace standin::test
