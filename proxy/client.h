#pragma once

#include "proxy/head_scanner.h"
#include "proxy/http1.h"
#include "proxy/inbox.h"
#include "proxy/proxy.h"
#include "proxy/refusal_response.h"
#include "proxy/stream.h"

namespace standin::proxy {

class Http2Connection;
class OriginSide;

/// What the look at every connection, once a second, goes by: cheaper than a timer for each wait.
struct Watch {
  explicit Watch(Stream& c) : client(&c) {}

  Stream* client;
  OriginSide* origin = nullptr;      // while a response to an HTTP/1.1 client is being waited for
  Http2Connection* http2 = nullptr;  // of a client that speaks it
  Clock::time_point expires = Clock::time_point::max();
  unsigned silent_looks = 0;  // since the client ended its side, without a byte for it
  bool client_left = false;   // and so the exchange was ended

  /// Ends a head that never ends, and an exchange whose client has gone. A client that only finished writing
  /// (TCP half-close) looks the same while there is nothing to send to it: it has a second or two to be
  /// answered in, and goes on for as long as bytes come. Go's and nginx's servers give it nothing.
  void look(Clock::time_point now) noexcept;
  /// The run ends: so does whatever goes on with this client, as something that was cut.
  void end() noexcept;
};

/// The client's side of a conversation.
struct Client {
  explicit Client(Socket socket) : stream(std::move(socket)), watch(stream) {}

  Stream stream;
  Inbox inbox;
  Watch watch;
};

/// How reading a head ended.
struct HeadRead {
  enum class End : std::uint8_t { whole, nothing, cut, bad, too_large };
  End end = End::cut;
  std::size_t length = 0;   // of a whole one, at the front of the inbox
  std::string_view reason;  // of a bad one
};
Task<HeadRead> read_head(Stream& stream, Inbox& inbox, std::size_t limit);
/// The same for a client, whose idle wait may be long but whose head may not. Empty lines before a request
/// line are passed over (RFC 9112 2.2).
Task<HeadRead> read_client_head(Client& client, const Limits& limits);

/// Reads and forgets until the client has closed its side: closing with bytes unread would reset the
/// connection, and take away what the client has not read yet (RFC 9112 9.6). Gives up after a while.
Task<void> part_from(Client& client);

/// Sends a refusal and gets ready for what follows it: `close` where the rest of the request's body was not
/// to be waited for.
Task<Persistence> send_refusal(Client& client, RequestParser& request, const Refusal& refusal);

}  // namespace standin::proxy
