#pragma once

#include <string>

#include "proxy/http1.h"
#include "proxy/origin.h"
#include "proxy/refusal_response.h"
#include "proxy/sides.h"
#include "proxy/upstream_proxy.h"
#include "proxy/wiping_allocator.h"

namespace standin::proxy {

/// The client asks to speak another protocol on this connection, one that may be relayed: not h2c, which
/// would put requests past us that nobody judged.
[[nodiscard]] bool wants_upgrade(const RequestHead& head) noexcept;

/// Nothing in it could end a line early. The parser saw to that for what the client sent: this is about what
/// was put in since, so that one request can never become two.
[[nodiscard]] bool is_sendable(const RequestHead& head) noexcept;

/// The head as the origin gets it: origin-form, end-to-end fields in their order and spelling, the framing as
/// it was, unless `reframed`. `by_proxy`: absolute-form and its authorization, for plain HTTP by way of the
/// company's proxy.
void write_request_head(WipingBuffer& out, const RequestHead& head, const Origin& origin, Framing framing,
                        Reframed reframed, const UpstreamProxy* by_proxy);

/// The head as the client gets it, framed as `framing`.
void write_response_head(std::string& out, const ResponseHead& response, Framing framing, Reframed reframed,
                         unsigned client_version, Persistence persistence);

}  // namespace standin::proxy
