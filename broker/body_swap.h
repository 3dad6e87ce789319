#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "broker/value_swap.h"
#include "proxy/body_transform.h"

namespace standin::broker {

/// What swaps in the body of one request.
struct BodySwap {
  /// What goes on is in no coding any more: Content-Encoding is to be taken out of the head.
  enum class Codings : std::uint8_t { as_they_are, undone };
  enum class Length : std::uint8_t {
    kept,        // no secret can get in: it only looks for stand-ins that must not be there
    may_change,  // the message is to be framed again
  };
  std::unique_ptr<proxy::BodyTransform> transform;
  Length length;
  Codings codings = Codings::as_they_are;
};

/// Swaps stand-ins in request bodies: in named fields of a form (urlencoded or multipart) and in named
/// strings of a JSON text. Sans-IO; of any size, in bounded memory. As the injector, in two steps: each use
/// is put on record before its secret is asked for (BodyCalls).
///
/// Made once for the stand-ins of a run, and again when a scope changes; what it made may outlive it. Thread:
/// as an Injector; a transform's calls on one.
class BodySwapper {
 public:
  explicit BodySwapper(std::span<const BoundStandIn> stand_ins);

  /// Whether any credential of the run has a site in such bodies as swap() looks at.
  [[nodiscard]] bool has_sites() const noexcept;

  /// nullopt where the body passes untouched and not even looked at: no credential of the run names a site
  /// in such a body; its Content-Type is not there, there twice or malformed; it is in a
  /// content coding that is not read here; the method (TRACE) has it sent back. One in a coding that is read
  /// is decoded first, and goes on decoded.
  ///
  /// - A stand-in in a site of its credential, towards an origin it is bound to: a use.
  /// - In a site of its credential, towards another origin: 403 wrong_origin, as in a query.
  /// - Anywhere else it is inert text and passes as it is.
  [[nodiscard]] std::optional<BodySwap> swap(const proxy::Origin& origin, const proxy::RequestHead& head,
                                             BodyCalls calls) const;

  /// For one text message of a WebSocket (site ws-text), as swap(); `calls` are for this message.
  [[nodiscard]] std::optional<BodySwap> swap_text(const proxy::Origin& origin, BodyCalls calls) const;

 private:
  /// Of what the content is before it is coded.
  [[nodiscard]] std::optional<BodySwap> swap_plain(const proxy::Origin& origin,
                                                   const proxy::RequestHead& head, BodyCalls calls) const;

  std::shared_ptr<const BodyScope> scope_;
};

}  // namespace standin::broker
