#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tests/http_wire.h"
#include "tests/stream.h"

namespace standin::test {

/// A door that the test opens: what a fake origin waits for instead of sleeping. A handle: copies share it.
class Gate {
 public:
  Gate();
  void open();
  /// Until open() or stop; throws StreamError after 30 seconds.
  void wait(std::stop_token stop = {}) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// One request, as the origin got it.
struct Received {
  Head head;  // raw bytes and parsed
  Body body;  // complete only where `complete`
  bool complete = false;
  unsigned connection = 0;  // the how manieth of this origin, from 1
  bool tls = false;
  bool resumed = false;     // the TLS session
  std::string server_name;  // SNI
  std::string alpn_offer;   // wire form

  [[nodiscard]] const std::string& method() const { return head.first; }
  [[nodiscard]] const std::string& target() const { return head.second; }
  [[nodiscard]] std::string path() const { return head.second.substr(0, head.second.find('?')); }
  [[nodiscard]] std::optional<std::string> field(std::string_view name) const {
    return find_field(head.fields, name);
  }
};

/// The other end of a conversation, for replies that no script below covers.
struct Conversation {
  Stream& stream;
  const Received& request;
  std::stop_token stop;
};

/// What becomes of the connection.
enum class After : std::uint8_t { keep, close };

/// What an origin answers, told as steps. `Reply::body(200, "ok")`; `Reply::chunked({"one", gate, "two"})`.
class Reply {
 public:
  using Piece = std::variant<std::string, Gate>;  // bytes (one write each), or wait
  using Pieces = std::vector<Piece>;

  static Reply body(unsigned status, std::string text, const Fields& fields = {});
  static Reply no_body(unsigned status, const Fields& fields = {});
  static Reply generated(std::uint64_t size);          // Content-Length, generate_pattern()
  static Reply generated_chunked(std::uint64_t size);  // chunked
  static Reply chunked(Pieces pieces, const Fields& trailers = {}, const Fields& fields = {});
  static Reply events(Pieces pieces);                                  // text/event-stream, chunked
  static Reply with_length(std::uint64_t promised, Pieces pieces);     // however long the pieces are
  static Reply until_close(Pieces pieces, const Fields& fields = {});  // no length, Connection: close
  static Reply raw(Pieces pieces);                                     // verbatim, then close
  static Reply hang();                                                 // nothing, until the client goes
  /// 101, then every byte back as it comes, until the client half-closes.
  static Reply upgrade_to_echo(std::string protocol, const Fields& fields = {});
  /// 101, then what `talk` says.
  static Reply upgrade(std::string protocol, std::function<void(Conversation&)> talk,
                       const Fields& fields = {});
  /// For CONNECT: 200, then relays to 127.0.0.1:port. Makes the plain origin a company's proxy.
  static Reply tunnel_to(std::uint16_t port);
  static Reply converse(std::function<void(Conversation&)> talk);  // then close

  Reply& informational(unsigned status, const Fields& fields = {});  // ahead of what is there so far
  Reply& wait_before(const Gate& gate);
  Reply& drip();                      // one byte a write, or TLS record
  Reply& close_after();               // Connection: close, and orderly close
  Reply& cut_at(std::uint64_t byte);  // FIN (no close_notify) after that many bytes, head included
  Reply& reset_at(std::uint64_t byte);

 private:
  friend class ReplyWriter;
  struct Generate {
    std::uint64_t size;
    std::size_t chunk;  // 0: not chunked
  };
  using Step = std::variant<std::string, Gate, Generate, std::function<void(Conversation&)>>;
  enum class Cut : std::uint8_t { none, fin, reset };

  enum class As : std::uint8_t { chunks, bytes };
  void add(Pieces pieces, As as);

  std::vector<Step> before_;
  std::string status_line_;
  Fields fields_;
  std::vector<Step> steps_;
  After after_ = After::keep;
  Cut cut_ = Cut::none;
  std::uint64_t cut_at_ = 0;
  bool drip_ = false;
};

/// Does what the reply says.
After play(const Reply& reply, Conversation& with);

}  // namespace standin::test
