#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace standin::bench {

/// One side of the HTTP of one connection, sans-IO.
class Wire {
 public:
  virtual ~Wire() = default;
  /// What came. False where the connection can't go on.
  virtual bool feed(std::string_view bytes) = 0;
  /// Appends what is to be sent next, a few records at most; nothing where nothing waits.
  virtual void fill(std::string& out) = 0;
};

/// The origin's side. It answers
///   GET /bench           1 KiB
///   GET /bytes/N         N bytes
///   POST /sink           what it counted of the body, in decimal
///   GET /events/N        N Server-Sent Events, each with the clock's nanoseconds
/// and anything without the token with 401.
class OriginWire : public Wire {
 public:
  /// Whether an answer of events goes on. event() is to be called at each turn of the clock as long as it
  /// does.
  [[nodiscard]] virtual bool has_events() const = 0;
  virtual void event(std::string_view text) = 0;
};

struct Request {
  std::string path = "/bench";
  std::uint64_t upload = 0;  // bytes of body; 0: a GET
};

/// Who asked.
class Answers {
 public:
  virtual ~Answers() = default;
  virtual void on_body(std::string_view piece) = 0;
  /// `asked`: the time that ask() was given.
  virtual void on_answer(unsigned status, std::uint64_t asked) = 0;
};

/// The client's side. HTTP/1.1 takes one request at a time, HTTP/2 as many as the server lets it.
class ClientWire : public Wire {
 public:
  virtual void ask(const Request& request, std::uint64_t now) = 0;
};

struct Identity {
  std::string authority;  // host:port
  std::string token;
};

/// `to` outlives the wire.
std::unique_ptr<ClientWire> http1_client(const Identity& who, Answers& to);
std::unique_ptr<ClientWire> http2_client(const Identity& who, Answers& to);
std::unique_ptr<OriginWire> http1_origin(const std::string& token);
std::unique_ptr<OriginWire> http2_origin(const std::string& token);

}  // namespace standin::bench
