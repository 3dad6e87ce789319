#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/http_wire.h"
#include "tests/stream.h"

namespace standin::test {

struct Response {
  unsigned status = 0;
  Head head;
  Body body;
  std::vector<Head> informational;  // the 1xx before it

  [[nodiscard]] std::optional<std::string> field(std::string_view name) const {
    return find_field(head.fields, name);
  }
};

/// A connected socket that is handed over.
struct Adopted {
  int socket;
};

/// A blocking HTTP/1.1 client that says exactly the bytes it is told to. Throws StreamError.
class TestClient {
 public:
  explicit TestClient(std::uint16_t port);  // to 127.0.0.1
  explicit TestClient(Adopted connected);
  ~TestClient();
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  /// Sends CONNECT; `userinfo` is "user:password", or empty for none. The answer, with its body unless 2xx.
  Response connect(std::string_view authority, std::string_view userinfo = {});

  /// TLS on what is there so far (so within a CONNECT tunnel), trusting the roots of this PEM text alone, for
  /// this host. `offer_alpn`: the wire form, or empty for none.
  void start_tls(const std::string& host, const std::string& roots_pem, std::string_view offer_alpn = {});
  /// As above, resuming the session of a client that has spoken TLS already.
  void start_tls_resuming(const std::string& host, const std::string& roots_pem, const TestClient& earlier);
  [[nodiscard]] bool resumed() const;
  [[nodiscard]] std::string chosen_alpn() const;

  void send(std::string_view bytes) { stream_.write(bytes); }
  /// In writes (or TLS records) of at most `cut` bytes.
  void send_cut(std::string_view bytes, std::size_t cut);
  void send_pattern(std::uint64_t size);

  Head read_head();
  /// The final answer to a request of this method, whole.
  Response read_response(std::string_view method = "GET");
  /// "GET target" with Host, more fields ("Name: value\r\n"…) and a body where not empty, and its answer.
  Response request(std::string_view method, std::string_view target, std::string_view host,
                   const Fields& fields = {}, std::string_view body = {});

  std::string read_some() { return stream_.read_some(); }
  std::string read_exactly(std::size_t size) { return stream_.read_exactly(size); }
  std::string read_until(std::string_view delimiter) { return stream_.read_until(delimiter); }
  std::string read_to_end();
  /// The peer closed in order: nothing more comes.
  [[nodiscard]] bool at_end() { return stream_.read_some().empty(); }

  void half_close() { stream_.half_close(); }
  void reset() { stream_.reset(); }
  [[nodiscard]] Stream& stream() noexcept { return stream_; }

 private:
  void handshake(const std::string& host, const std::string& roots_pem, std::string_view alpn,
                 SSL_SESSION* resume);

  std::shared_ptr<SSL_CTX> context_;
  std::shared_ptr<SSL_SESSION> session_;  // the newest that the server gave
  Stream stream_;
};

/// Basic credentials (RFC 7617): "Basic dXNlcjpwYXNz".
std::string basic(std::string_view userinfo);

}  // namespace standin::test
