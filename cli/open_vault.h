#pragma once

#include <optional>

#include "cli/arguments.h"
#include "cli/places.h"
#include "cli/secret_source.h"
#include "vault/vault.h"

namespace standin::cli {

/// Opens the vault with what there is: STANDIN_KEY_FILE, or `key` (STANDIN_KEY, which left the environment),
/// else the slot that init made: its key file, or a passphrase asked for on a terminal. Never prompts where
/// stdin is none. Throws vault::Error, and Error(input) of the prompt.
vault::Vault open_vault(const Places& places,
                        std::optional<vault::Secret> key = take_secret_variable("STANDIN_KEY"));

/// A vault that was just made, and what opens it, in words.
struct CreatedVault {
  vault::Vault vault;
  std::string key;
};
/// Makes it, for `standin init`. An existing key file that STANDIN_KEY_FILE names is used, not made.
CreatedVault create_vault(const Places& places, InitArguments::Key key);

/// The credential of that name. Throws vault::Error(not_found) with one that is near.
vault::Entry existing_entry(const vault::Vault& vault, const std::string& name);

}  // namespace standin::cli
