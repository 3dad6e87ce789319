#pragma once

#include <string>
#include <string_view>

#include "broker/credential.h"
#include "broker/place.h"
#include "proxy/interceptor.h"

namespace standin::broker {

/// What the broker says when it refuses: each code once. The texts go to the child, to stderr and (the code)
/// into the audit log, so they name credentials, places and origins, and never a stand-in or a secret.

/// 403. `site` is where the stand-in stands: "header:Authorization".
[[nodiscard]] proxy::Refusal wrong_origin(const Credential& credential, std::string_view site,
                                          const proxy::Origin& origin);
/// 403. In an authentication field that is not among the credential's sites.
[[nodiscard]] proxy::Refusal wrong_site(const Credential& credential, std::string_view site);
/// 403. The credential is no longer in the vault.
[[nodiscard]] proxy::Refusal removed_credential(std::string_view name);
/// 403. The method has the origin send the request back.
[[nodiscard]] proxy::Refusal echoing_method(std::string_view name, std::string_view method);
/// 502. The place cannot carry the value.
[[nodiscard]] proxy::Refusal unusable_secret(std::string_view name, std::string_view site, Unusable reason);
/// 502. The vault does not give the secret out; `why` is a vault::Error's text.
[[nodiscard]] proxy::Refusal unreadable_secret(std::string_view why, std::string_view hint);
/// 503. Nothing leaves that is not on record.
[[nodiscard]] proxy::Refusal audit_unavailable(std::string_view why, std::string_view hint);

}  // namespace standin::broker
