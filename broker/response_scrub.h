#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "broker/sent_secrets.h"
#include "proxy/body_transform.h"
#include "proxy/decoded_body.h"
#include "proxy/interceptor.h"
#include "proxy/message.h"

namespace standin::broker {

/// Replaces in the response to one request what `origin` has been sent: until its head came, and while its
/// body comes, because a request's body may be on its way as long. Sans-IO. `sent` must outlive it and its
/// transforms.
class ResponseScrub {
 public:
  /// `refused` is told of a body that can't be read, before the exchange is: it is to be recorded.
  ResponseScrub(const SentSecrets& sent, proxy::Origin origin, proxy::DecodedBody::Told refused = {})
      : sent_(sent), origin_(std::move(origin)), refused_(std::move(refused)) {}

  /// The reason phrase and every field, Set-Cookie aside (a session is no secret of ours); and what the
  /// body's transform makes untrue is taken out. Returns that transform, which undoes the content codings
  /// first: what goes on is decoded. A coding that is not read here stays, and makes it refuse, 502
  /// response_unreadable; so does any in a part of a body (206), which can't be decoded alone.
  std::unique_ptr<proxy::BodyTransform> on_response(proxy::ResponseHead& head) const;
  /// The same for a response that begins before the origin was sent anything. What looks for what will have
  /// been sent until each piece comes, where that costs the child nothing: null where the head says the
  /// length, and where the body is coded.
  [[nodiscard]] std::unique_ptr<proxy::BodyTransform> on_early_response(
      const proxy::ResponseHead& head) const;
  /// nullopt: it has nothing to replace.
  [[nodiscard]] std::optional<proxy::WipingBuffer> on_trailer(const proxy::Field& trailer) const;

 private:
  const SentSecrets& sent_;
  proxy::Origin origin_;
  proxy::DecodedBody::Told refused_;
};

/// What the origin says over one WebSocket, for WebSocketRelay: each text message is scrubbed of what was
/// sent to the origin until then. `sent` must outlive it.
[[nodiscard]] proxy::MessageFilter websocket_scrub(const SentSecrets& sent, const proxy::Origin& origin);

/// Accept-Encoding of a request whose response is to be read: each field becomes the codings of it that are
/// read here. Where there is none, none is added: an origin then sends what it likes, and identity it nearly
/// always is. A request for a part (Range) asks for identity alone, because a part of a coded body can't be
/// read.
void narrow_codings(proxy::RequestHead& head);

}  // namespace standin::broker
