#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tests/bench/end_to_end/pump.h"
#include "tests/bench/end_to_end/tls_socket.h"
#include "tests/bench/end_to_end/wire.h"

namespace standin::bench {

/// How the origin is reached.
struct Way {
  std::uint16_t origin_port = 0;
  std::uint16_t proxy_port = 0;     // 0: not through a proxy
  std::string proxy_authorization;  // a field with its line end, or nothing
  std::string token;
  bool http2 = false;
  Context context;

  /// Takes "http://user:password@127.0.0.1:port" apart.
  void go_through(const std::string& proxy_url);
  [[nodiscard]] std::string authority(const std::string& host) const;
};

class Connection;

/// Whoever has the connections, and decides what they do.
class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  virtual void on_open(Connection& connection) = 0;
  virtual void on_body(Connection&, std::string_view) {}
  /// An answer of 200; any other ends the program.
  virtual void on_answer(Connection& connection, std::uint64_t asked) = 0;
};

/// A client's connection to https://HOST:PORT/: TCP, CONNECT where there is a proxy, TLS, then requests.
/// Whatever fails ends the program: a benchmark of failures is none.
class Connection final : private Answers {
 public:
  /// Both outlive it. Registers itself with `epoll`, with its own address.
  Connection(const Way& way, int epoll, ConnectionOwner& owner);

  void dial(const std::string& host);
  /// Closes and dials, once the turn is over.
  void dial_next(const std::string& host) { next_host_ = host; }
  void ask(const Request& request = {}) { wire_->ask(request, now()); }
  /// As far as it goes without waiting.
  void advance();
  [[nodiscard]] std::uint64_t dialled() const { return dialled_; }

 private:
  enum class State : std::uint8_t { connecting, asking, tunnelling, shaking, open };
  Step opening();
  Step step();
  void ask_for_tunnel();
  void shake();
  void open();
  void on_body(std::string_view piece) override { owner_.on_body(*this, piece); }
  void on_answer(unsigned status, std::uint64_t asked) override;

  const Way& way_;
  int epoll_;
  ConnectionOwner& owner_;
  State state_ = State::connecting;
  std::string host_, next_host_;
  std::unique_ptr<TlsSocket> socket_;
  std::unique_ptr<ClientWire> wire_;
  Pump pump_;
  std::string in_, out_;  // of CONNECT
  std::size_t sent_ = 0;
  std::uint64_t dialled_ = 0;
};

}  // namespace standin::bench
