#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/reply.h"
#include "tests/test_pki.h"

namespace standin::test {

using Handler = std::function<Reply(const Received&)>;

/// What the origin does about `Expect: 100-continue` before it reads the body.
enum class Continue : std::uint8_t { send, withhold };

/// A real HTTP/1.1 origin on a loopback port of the kernel's choice, a thread a connection, that does what
/// the test says and remembers what it got. Plain where it has no certificate. The destructor ends every
/// connection and thread. Handlers run on the connections' threads; set them before the first request.
class FakeUpstream {
 public:
  struct Options {
    std::optional<Certificate> certificate = std::nullopt;
    std::uint16_t port = 0;
    std::string address = "127.0.0.1";  // another one only in a network namespace
    int max_tls_version = 0;            // TLS1_2_VERSION: nothing newer
    std::string alpn = "http/1.1";      // the one protocol it chooses where offered; empty: knows of none
  };
  explicit FakeUpstream(Options options);
  FakeUpstream() : FakeUpstream(Options{}) {}
  explicit FakeUpstream(Certificate certificate)
      : FakeUpstream(Options{.certificate = std::move(certificate)}) {}
  ~FakeUpstream();
  FakeUpstream(const FakeUpstream&) = delete;
  FakeUpstream& operator=(const FakeUpstream&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept;

  /// Called with the whole request. `path` is without the query; CONNECT's is its authority.
  void on(std::string path, Handler handler, Continue expectation = Continue::send);
  /// Called with the head alone: the answer goes out before the body is read, which is read afterwards.
  void on_head(std::string path, Handler handler);
  /// For every path not named. Without it: 200 "ok".
  void on_any(Handler handler);
  /// Told of each complete request, on its connection's thread, before it is answered.
  void when_received(std::function<void(const Received&)> told);

  /// What came so far, in the order of the heads.
  [[nodiscard]] std::vector<Received> requests() const;
  /// Waits until that many requests are complete; throws StreamError after 30 seconds.
  std::vector<Received> wait_for_requests(std::size_t count) const;
  /// The latest request; throws where there is none.
  [[nodiscard]] Received last() const;
  [[nodiscard]] unsigned connections() const;  // accepted so far
  /// How handshakes and connections failed, one line each: empty after an orderly test.
  [[nodiscard]] std::vector<std::string> failures() const;
  /// Closes what is open now (FIN), as an origin does with idle connections; new ones are welcome.
  void close_connections();
  /// Waits until no connection is open; throws StreamError after 30 seconds.
  void wait_until_idle() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace standin::test
