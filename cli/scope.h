#pragma once

#include "broker/catalogue.h"
#include "broker/credential.h"
#include "cli/arguments.h"
#include "vault/secret.h"

namespace standin::cli {

/// The credential that `add` was asked for: the provider's defaults, then what the flags give. Throws
/// Error(usage) with an example where no origin is known; broker::Error, proxy::Error for a bad value.
broker::Credential new_credential(const ScopeArguments& arguments);

/// `credential` as `edit` changes it. Its shape is left as it is.
broker::Credential changed_credential(const broker::Credential& credential, const ScopeArguments& arguments);

/// Gives the credential the shape that its provider's secrets of this kind have; warns where the secret looks
/// like none of them, or unlike anything that can be sent.
void look_at_secret(broker::Credential& credential, const vault::Secret& secret);

/// The provider of that name, or Error(broker: unknown_provider) with one that is near.
const broker::Provider& known_provider(const std::string& name);

}  // namespace standin::cli
