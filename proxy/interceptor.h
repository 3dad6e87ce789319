#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "proxy/ip_address.h"
#include "proxy/message.h"
#include "proxy/origin.h"

namespace standin::proxy {

class BodyTransform;

/// A request that does not go through, as the client, the log and a person get told:
/// `Standin-Error: code` and a JSON body. No field ever holds a secret.
struct Refusal {
  unsigned status = 502;  // HTTP status of the response made here
  std::string code;       // "wrong_origin", ... (docs: cli "What the child sees")
  std::string message;    // one line, lower case
  std::string hint;       // may be empty
};

/// How one exchange ended.
struct Outcome {
  unsigned status = 0;               // the origin's final status; 0: there was none
  std::uint64_t request_bytes = 0;   // of body, as sent to the origin
  std::uint64_t response_bytes = 0;  // of body, as received from the origin
  std::chrono::microseconds duration{};
  std::string
      reason;  // why it has no status or was cut off: "upstream_unreachable", "client_gone"; else empty
};

/// Makes what changes one text message of a WebSocket; null: the message stays. Empty: the direction is not
/// read at all and its bytes pass.
using MessageFilter = std::function<std::unique_ptr<BodyTransform>()>;
struct MessageFilters {
  /// Where an extension was agreed on with which nobody here knows what a frame means.
  enum class Unreadable : std::uint8_t { refused, relayed };
  MessageFilter from_client, from_server;
  Unreadable unreadable = Unreadable::refused;
};

/// What lets a request go on: that it is on record.
enum class Recording : std::uint8_t {
  done,
  now,         // commit() is to be called
  with_others  // ... and behind whatever else is ready now: one write then does for all of it
};

/// One request that was let through. Owned by the proxy until it ended.
class Exchange {
 public:
  virtual ~Exchange();

  /// Whether on_request() left its record to be written.
  [[nodiscard]] virtual Recording recording() const noexcept { return Recording::done; }
  /// Before anything of the request is sent, and soon. A refusal: it must not be sent, and that is recorded.
  virtual std::optional<Refusal> commit() { return std::nullopt; }

  /// The head of a response before anything of it goes to the client: of each interim one (1xx), then of the
  /// final one. May replace parts of it. What is returned for the final one changes the body, unless there is
  /// none: Content-Length is then dropped, and what else the change makes untrue (Content-Encoding, ETag, a
  /// digest) is to be taken out here.
  virtual std::unique_ptr<BodyTransform> on_response(ResponseHead& head);
  /// A response's trailer: what its value becomes; nullopt: it stays.
  virtual std::optional<WipingBuffer> on_response_trailer(const Field& trailer);
  /// The origin agreed to a WebSocket (RFC 6455), and on_response() saw its 101: what its text messages go
  /// through. Both empty: it is relayed unread. A refusal of a filter ends the connection, and is for whoever
  /// made it to record.
  virtual MessageFilters on_websocket();
  /// Called exactly once.
  virtual void finished(const Outcome& outcome) noexcept = 0;
};

/// The request may go, as it is now in the head. `exchange` is null where nothing needs to be recorded.
/// `body` changes the request's body, unless there is none: Content-Length is then made here.
struct Pass {
  Pass();
  explicit Pass(std::unique_ptr<Exchange> e);
  Pass(std::unique_ptr<Exchange> e, std::unique_ptr<BodyTransform> b);
  Pass(Pass&&) noexcept;
  Pass& operator=(Pass&&) noexcept;
  ~Pass();

  std::unique_ptr<Exchange> exchange;
  std::unique_ptr<BodyTransform> body;
};
using Verdict = std::variant<Pass, Refusal>;

enum class Handling : std::uint8_t { tunnel, intercept };

/// The one seam between the proxy, which knows sockets, and whoever says what may happen.
/// All calls come from the proxy's own thread, one at a time, and must not block for long.
class Interceptor {
 public:
  virtual ~Interceptor() = default;

  /// Whether a connection to this origin is read (bound) or relayed untouched.
  virtual Handling handling(const Origin& origin) = 0;

  /// May the child reach this origin at all, going by its name? Asked before the name is resolved.
  virtual std::optional<Refusal> check_origin(const Origin& origin) = 0;
  /// ... and at this address, one that the name resolved to, or that the child itself asked for. What passes
  /// is what is connected to.
  virtual std::optional<Refusal> check_address(const Origin& origin, const IpAddress& address) = 0;

  /// A request to a bound origin, whole head, before anything of it is sent. May replace parts of it.
  /// What it lets through is on record when it returned, or the exchange's commit() did.
  virtual Verdict on_request(const Origin& origin, RequestHead& head) = 0;

  /// Exchanges finished, and what was ready to be done with them has been: what the interceptor put off until
  /// there is time may be done now. Follows Exchange::finished() within a turn of the proxy's loop, and not
  /// where the proxy stops before.
  virtual void on_turn_end() noexcept {}

  /// An opaque tunnel, or a plain request to an origin not bound, is about to be opened. `address` is given
  /// where the child named the address itself, and that is connected to: the origin's name is then only what
  /// the child claims in its first bytes.
  virtual std::optional<Refusal> on_tunnel(const Origin& origin, const IpAddress* address) = 0;

  /// The proxy itself could not or would not do it (upstream_tls, bad_request, ...), or passed on a refusal
  /// of check_origin, check_address or on_tunnel. `origin` is null where none is known yet. Refusals of
  /// on_request, and of what it and Exchange made for a body or a message, are not repeated here.
  virtual void on_refused(const Origin* origin, std::string_view method, std::string_view target,
                          const Refusal& refusal) noexcept = 0;
};

}  // namespace standin::proxy
