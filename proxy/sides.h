#pragma once

#include <optional>

#include "proxy/asio.h"
#include "proxy/http1.h"
#include "proxy/interceptor.h"
#include "proxy/protocol.h"

namespace standin::proxy {

// One exchange has a client's side and an origin's side, each in HTTP/1.1 or HTTP/2: exchange.cc is written
// once, against these two. Bodies are decoded pieces; each side frames what it writes.

class Http1ClientSide;
class Http1OriginSide;
class OriginSide;

enum class BodyRead : std::uint8_t {
  ok,         // something came, if only framing
  gone,       // the peer ended before its body did
  malformed,  // what came is no body
};

/// How a message's body is told from what follows it, where that is not as its fields say already.
struct Reframed {
  bool changed = false;                 // the fields that say it are dropped, and said anew
  std::optional<std::uint64_t> length;  // known again after a change
};

/// The side of the client that sent the request. Destroying it before finish() ends the exchange as cut.
class ClientSide {
 public:
  ClientSide() = default;
  ClientSide(const ClientSide&) = delete;
  ClientSide& operator=(const ClientSide&) = delete;
  virtual ~ClientSide() = default;

  // As the client wrote them: what the origin gets may hold a secret.
  std::string_view method, target;

  [[nodiscard]] virtual Protocol protocol() const noexcept = 0;
  [[nodiscard]] virtual bool expects_continue() const noexcept = 0;
  [[nodiscard]] virtual bool takes_interim() const noexcept = 0;  // 1xx: no client of HTTP/1.0 does
  [[nodiscard]] virtual Framing body_framing() const noexcept = 0;
  [[nodiscard]] virtual std::optional<std::uint64_t> declared_length() const noexcept = 0;
  [[nodiscard]] virtual bool body_is_done() const noexcept = 0;
  /// What has come of the body, without waiting. False: it is none.
  virtual bool take_body(BodyPieces& into) = 0;
  /// Waits for more of it.
  virtual Task<BodyRead> read_body(BodyPieces& into) = 0;

  virtual Task<bool> write_interim(const ResponseHead& head) = 0;
  /// Says how the body of `framing` will be framed, and keeps the head for the first write_body().
  virtual Framing begin_response(const ResponseHead& head, Framing framing, Reframed reframed) = 0;
  /// The next piece, framed as begin_response() said; the last where it has ended. False: the client is gone.
  virtual Task<bool> write_body(BodyPieces& pieces) = 0;
  /// Instead of a response, or in place of the head that begin_response() was given.
  virtual Task<void> refuse(const Refusal& refusal) = 0;
  /// The response is with the client, whole.
  virtual void finish() = 0;
  /// Not an orderly end: the client must see that the response is not whole.
  virtual void abort() noexcept = 0;

  /// While `origin` is given: it is aborted where the client goes away.
  virtual void watch(OriginSide* origin) noexcept = 0;
  [[nodiscard]] virtual bool has_left() const noexcept = 0;
  [[nodiscard]] virtual bool is_aborted() const noexcept = 0;

  /// Where the connection may be handed to another protocol (101).
  [[nodiscard]] virtual Http1ClientSide* http1() noexcept { return nullptr; }
};

/// How reading a response's head ended.
enum class Answer : std::uint8_t {
  head,
  none,         // the origin ended without a byte of one
  malformed,    // what the origin sent is no response
  unprocessed,  // the origin says that it has done nothing about the request
};

/// The side of the origin, on a connection that can take the request now. Destroying it before finish()
/// breaks the request off.
class OriginSide {
 public:
  OriginSide() = default;
  OriginSide(const OriginSide&) = delete;
  OriginSide& operator=(const OriginSide&) = delete;
  virtual ~OriginSide() = default;

  /// The connection carried a request before: it may have died meanwhile.
  [[nodiscard]] virtual bool is_reused() const noexcept = 0;
  /// Plain HTTP by way of the company's proxy, which may answer for itself.
  [[nodiscard]] virtual bool is_by_proxy() const noexcept = 0;

  /// Head and first piece of body; `framing` is the body's. False: the origin takes no more.
  virtual Task<bool> write_head(const RequestHead& head, Framing framing, Reframed reframed,
                                BodyPieces& first) = 0;
  virtual Task<bool> write_body(BodyPieces& pieces) = 0;

  /// The next head, interim or final. Its views last until a body is read.
  virtual Task<Answer> read_head(ResponseHead& into) = 0;
  [[nodiscard]] virtual Framing body_framing() const noexcept = 0;
  virtual bool take_body(BodyPieces& into) = 0;
  virtual Task<BodyRead> read_body(BodyPieces& into) = 0;

  /// Wakes whoever waits on it, and breaks the request off.
  virtual void abort() noexcept = 0;
  /// The response was whole: the connection may carry another request, where it took all of this one.
  virtual void finish(bool request_is_whole) = 0;

  [[nodiscard]] virtual Http1OriginSide* http1() noexcept { return nullptr; }
};

}  // namespace standin::proxy
