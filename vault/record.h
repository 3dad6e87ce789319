#pragma once

#include <cstddef>
#include <string>

#include "vault/vault.h"
#include "vault/vault_file.h"

/// One credential, sealed: docs/vault-format.md, "Records".
namespace standin::vault {

inline constexpr std::size_t max_name_bytes = 100;

[[nodiscard]] bool is_sealed_entry_size(std::size_t size) noexcept;
[[nodiscard]] bool is_sealed_secret_size(std::size_t size) noexcept;

Bytes encode_entry(const Entry& entry);
/// The inverse, and strict: whatever it accepts, encode_entry makes again to the byte. `where` and `part`
/// are for the Error(corrupt).
Entry decode_entry(View plaintext, const std::string& where, const std::string& part);

SealedRecord seal_record(const DataKey& key, const VaultId& id, const Entry& entry, const Secret& secret);
/// Throws corrupt where it does not authenticate.
Entry open_entry(const DataKey& key, const VaultId& id, const SealedRecord& record, const std::string& where,
                 const std::string& part);
/// Throws corrupt where the record is not the one that was sealed with exactly this entry.
Secret open_secret(const DataKey& key, const VaultId& id, const SealedRecord& record, const Entry& entry,
                   const std::string& where);

}  // namespace standin::vault
