#pragma once

#include <string>

#include "vault/vault.h"
#include "vault/vault_file.h"

/// From what the user has (a key file, a key's text, a passphrase) to the data key, and back.
namespace standin::vault {

/// Throws wrong_key, locked_out, and what reading a key file throws. `where` is for the messages.
DataKey open_data_key(const VaultFile& file, const Unlock& unlock, const std::string& where);

/// The first slot of a new vault. For a KeyFile it makes the key file.
KeySlot make_first_slot(const VaultId& id, const DataKey& data_key, const Unlock& unlock);

}  // namespace standin::vault
