#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "broker/credential.h"
#include "proxy/interceptor.h"
#include "proxy/message.h"
#include "vault/secret.h"

namespace standin::broker {

/// A credential of the run with what the child got for it.
struct BoundStandIn {
  const Credential* credential;
  std::string_view stand_in;
};

/// One swap that inject() made or wants to make.
struct Use {
  std::size_t index;  // into the stand-ins
  std::string site;   // as audited: "header:Authorization", "basic", "query:key", "path"
};

/// Lends the secret of stand-in `index` to `use`; called only for a swap that was judged and recorded.
using LendSecret = std::function<void(std::size_t index, const std::function<void(std::span<const std::byte>)>& use)>;

/// Where stand-ins stand in a request head, judged: sans-IO, no secret is touched yet.
///
/// - In a site of its credential, towards an origin it is bound to: a use.
/// - In an authentication field or a site of its credential, towards an origin it is not bound to: a Refusal
///   403 wrong_origin.
/// - In an authentication field that is not among its sites, towards its own origin: a Refusal 403 wrong_site.
/// - Anywhere else it is inert text and passes as it is.
///
/// A stand-in is recognised as it stands, percent-encoded (any of its characters, either case of hex), and
/// inside Basic (RFC 7617). One pass a place, the longest match first.
struct Found {
  std::vector<Use> uses;
};
using Judgement = std::variant<Found, proxy::Refusal>;
Judgement find_stand_ins(const proxy::Origin& origin, const proxy::RequestHead& head,
                         std::span<const BoundStandIn> stand_ins);

/// Puts the secrets in, each place rewritten once, encoded by the grammar of the place: raw in a field and in
/// Basic, percent-encoded in a query and the path, form-encoded inside basic-form. Returns a Refusal 502
/// secret_unusable, the head in an unusable state, where a place can't carry the value (a control byte in a
/// field, ':' in a Basic user). `found` is what find_stand_ins said of the same head.
std::optional<proxy::Refusal> inject(proxy::RequestHead& head, std::span<const BoundStandIn> stand_ins,
                                     const Found& found, const LendSecret& lend);

/// The well-known authentication fields, lower case, sorted: the one documented list (docs/standin.1.md).
std::span<const std::string_view> authentication_fields();

/// `target` as the audit log may hold it: the path with query values and everything that is a stand-in
/// removed ("…"), cut to 1 KiB, control bytes escaped.
std::string redact_target(std::string_view target, std::span<const BoundStandIn> stand_ins);

}  // namespace standin::broker
