#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "tests/http_wire.h"
#include "tests/stream.h"
#include "tests/test_pki.h"

namespace standin::test {

/// One request or response of HTTP/2 as it came, pseudo-fields among the fields.
struct H2Message {
  Fields fields;
  std::vector<Fields> interim;
  Fields trailers;
  std::string body;
  bool ended = false;
  bool closed = false;
  std::uint32_t error = 0;

  [[nodiscard]] std::string field(std::string_view name) const {
    return find_field(fields, name).value_or("");
  }
  [[nodiscard]] std::string trailer(std::string_view name) const {
    return find_field(trailers, name).value_or("");
  }
};

/// What is sent of one: fields, then pieces of body, then trailers.
struct H2Outgoing {
  Fields fields;
  std::string body;
  Fields trailers;
  bool goes_on = false;  // the body does not end with it
};

/// nghttp2's own library on a blocking stream, on either end. Throws StreamError.
class H2Peer {
 public:
  enum class Role : std::uint8_t { client, server };
  struct Settings {
    std::uint32_t max_streams = 100;
    std::uint32_t window = 65535;
    bool opens_window = true;  // by itself, as a body comes
  };
  H2Peer(Stream& stream, Role role, Settings settings);
  H2Peer(Stream& stream, Role role) : H2Peer(stream, role, Settings()) {}
  ~H2Peer();
  H2Peer(const H2Peer&) = delete;
  H2Peer& operator=(const H2Peer&) = delete;

  std::int32_t request(const H2Outgoing& what);
  void respond(std::int32_t id, const H2Outgoing& what);
  void interim(std::int32_t id, const Fields& fields);
  /// More of a body that goes on.
  void send(std::int32_t id, std::string_view bytes, bool ends, const Fields& trailers = {});
  void reset(std::int32_t id, std::uint32_t error);
  void go_away(std::int32_t last, std::uint32_t error);
  void consume(std::int32_t id, std::size_t count);
  void flush();
  /// Reads and writes until it holds, or the connection ended: false.
  bool run_until(const std::function<bool()>& holds);
  H2Message& await_end(std::int32_t id);
  [[nodiscard]] H2Message& message(std::int32_t id) { return messages_[id]; }
  [[nodiscard]] std::map<std::int32_t, H2Message>& messages() noexcept { return messages_; }
  [[nodiscard]] std::optional<std::uint32_t> goaway() const noexcept { return goaway_; }
  [[nodiscard]] unsigned settings_received() const noexcept { return settings_received_; }
  [[nodiscard]] nghttp2_session* session() noexcept { return session_; }
  /// A server's: called with each request when its head is there, then when it is whole.
  std::function<void(std::int32_t)> on_head, on_whole;
  std::function<void(std::int32_t, std::string_view)> on_data;

 private:
  struct Callbacks;
  struct Sending {
    std::string bytes;
    bool ends = false;
    Fields trailers;
  };
  Stream& stream_;
  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, H2Message> messages_;
  std::map<std::int32_t, Sending> sending_;
  Fields block_;
  std::optional<std::uint32_t> goaway_;
  unsigned settings_received_ = 0;
};

/// A real HTTP/2 origin on a loopback port, a thread a connection; plain where it has no certificate.
class H2Origin {
 public:
  using Serve = std::function<void(H2Peer&, std::int32_t id)>;
  struct Options {
    std::optional<Certificate> certificate = std::nullopt;
    H2Peer::Settings settings = {};
    std::string alpn = "h2";
    /// What a client gets that does not offer that: the alert of RFC 7301 3.2, a connection that ends behind
    /// the handshake (nghttpd), or in the middle of it.
    enum class Mismatch : std::uint8_t { alert, hangs_up, breaks_off } mismatch = Mismatch::alert;
    /// Such a client is served in HTTP/1.1 instead: each request gets "old", and its body.
    bool knows_http1 = false;
  };
  explicit H2Origin(Options options);
  ~H2Origin();
  H2Origin(const H2Origin&) = delete;
  H2Origin& operator=(const H2Origin&) = delete;
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] std::string authority() const { return "localhost:" + std::to_string(port_); }
  /// Set before the first connection. Called on the connection's thread.
  Serve on_head, on_whole;
  std::function<void(H2Peer&, std::int32_t id, std::string_view)> on_data;
  [[nodiscard]] unsigned connections() const noexcept { return connections_; }
  [[nodiscard]] H2Message last() const;

 private:
  void serve(int socket);

  Options options_;
  std::shared_ptr<SSL_CTX> context_;
  std::uint16_t port_ = 0;
  int listener_;
  std::atomic<unsigned> connections_ = 0;
  std::atomic<bool> stopping_ = false;
  mutable std::mutex mutex_;
  H2Message last_;
  std::vector<Stream*> live_;
  std::vector<std::jthread> threads_;
  std::jthread acceptor_;
};

/// Frames by hand (RFC 9113 4.1), for what no library sends.
namespace h2 {
inline constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload);
/// HPACK literals without indexing, whatever bytes they have (RFC 7541 6.2.2).
std::string fields(const Fields& fields);
std::string settings();
struct Frame {
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;
  std::string payload;
};
/// nullopt where the connection ended.
std::optional<Frame> read_frame(Stream& stream);
}  // namespace h2

}  // namespace standin::test
