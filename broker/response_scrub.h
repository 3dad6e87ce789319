#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "broker/scrub_patterns.h"
#include "proxy/body_transform.h"
#include "proxy/interceptor.h"
#include "proxy/message.h"

namespace standin::broker {

/// Replaces secrets in the response to one request. Sans-IO.
class ResponseScrub {
 public:
  explicit ResponseScrub(std::shared_ptr<const ScrubPatterns> patterns) noexcept
      : patterns_(std::move(patterns)) {}

  /// The reason phrase and every field, Set-Cookie aside (a session is no secret of ours); and what the
  /// body's transform makes untrue is taken out. Returns that transform, which undoes the content codings
  /// first: what goes on is decoded. A coding that is not read here makes it refuse, 502 response_unreadable.
  std::unique_ptr<proxy::BodyTransform> on_response(proxy::ResponseHead& head) const;
  /// nullopt: it has nothing to replace.
  [[nodiscard]] std::optional<proxy::WipingBuffer> on_trailer(const proxy::Field& trailer) const;

 private:
  std::shared_ptr<const ScrubPatterns> patterns_;
};

/// What the origin says over one WebSocket, for WebSocketRelay: each text message is scrubbed of what
/// `patterns` gives when it begins, which may be nothing (null) yet.
[[nodiscard]] proxy::MessageFilter websocket_scrub(
    std::function<std::shared_ptr<const ScrubPatterns>()> patterns);

/// Accept-Encoding of a request whose response is to be read: each field becomes the codings of it that are
/// read here. Where there is none, none is added: an origin then sends what it likes, and identity it nearly
/// always is.
void narrow_codings(proxy::RequestHead& head);

}  // namespace standin::broker
