#pragma once

#include <optional>

#include "vault/vault_file.h"

/// What wraps the data key: docs/vault-format.md, "Key slots".
namespace standin::vault {

Bytes encode_slot(const KeySlot& slot);
/// Whether the body is as long as its kind says, and what it asks of Argon2id is within bounds. A kind
/// that is not known may hold anything.
[[nodiscard]] bool is_well_formed(const KeySlot& slot) noexcept;

/// `key` are the 32 bytes of a key file.
KeySlot seal_key_slot(const VaultId& id, const DataKey& data_key, const Secret& key);
/// At libsodium's interactive cost. Throws bad_secret for an empty passphrase, io where memory is short.
KeySlot seal_passphrase_slot(const VaultId& id, const DataKey& data_key, const Secret& passphrase);

/// The data key from the first slot of its kind that opens; nothing where none does. A passphrase costs
/// about 0.1 s a slot.
std::optional<DataKey> unlock_with_key(const VaultFile& file, const Secret& key);
std::optional<DataKey> unlock_with_passphrase(const VaultFile& file, const Secret& passphrase);

}  // namespace standin::vault
