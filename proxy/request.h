#pragma once

#include <optional>
#include <string_view>

#include "proxy/boundary.h"

namespace standin::proxy {

/// "the request has WHAT": 400.
[[nodiscard]] Refusal bad_request(std::string_view what);

/// It is for another origin than its connection is to: 421.
[[nodiscard]] Refusal misdirected(const Origin& origin);

/// Reads a request's head into `request`. False: the connection has ended, or must.
Task<bool> read_request(Client& client, RequestParser& request, const Boundary& boundary,
                        const Origin* origin);

/// The parts of an absolute-form target (RFC 9112 3.2.2).
struct AbsoluteTarget {
  Origin origin;
  std::string_view rest;  // "/path?query", or empty
};

/// nullopt: it is in another form, or names no origin of ours.
[[nodiscard]] std::optional<AbsoluteTarget> parse_absolute(std::string_view target);

enum class HostField : std::uint8_t { agrees, disagrees, malformed };

/// What Host says of `origin`: exactly once, unless HTTP/1.0 leaves it out (RFC 9112 3.2).
[[nodiscard]] HostField compare_host(const RequestParser& request, const Origin& origin);

/// Whether a request, whose origin is known, may go: judged where that is bound. `head` is as it came.
[[nodiscard]] Verdict judge(RequestHead& head, const Origin& origin, Handling handling,
                            const Boundary& boundary);
/// Judges and forwards a request of HTTP/1.x.
Task<Persistence> serve_request(Client& client, RequestParser& request, std::string_view target,
                                const PoolPointer& pool, Handling handling, const Boundary& boundary);

}  // namespace standin::proxy
