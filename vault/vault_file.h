#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vault/sealing.h"
#include "vault/vault.h"
#include "vault/wire.h"

/// The bytes of a vault file (docs/vault-format.md), without any file or key: bytes in, parts out.
/// `where` names the file in errors: "vault /home/kim/.local/share/standin/vault".
namespace standin::vault {

inline constexpr std::uint16_t format_version = 1;
inline constexpr std::size_t max_file_bytes = 64u << 20;
inline constexpr std::size_t max_slots = 8;
inline constexpr std::size_t max_slot_bytes = 4096;

struct KeySlot {
  std::uint8_t kind = 0;  // a SlotKind, or one that a later standin knows
  Bytes body;
};

struct SealedRecord {
  Bytes entry;
  Bytes secret;
};

struct VaultFile {
  VaultId id{};
  std::vector<KeySlot> slots;
  std::vector<SealedRecord> records;
};

/// The parts of the file, each length checked against what is there. Nothing of it is authentic yet.
/// Throws truncated, newer_version, corrupt.
VaultFile parse_layout(View bytes, const std::string& where);
/// parse_layout, and the digest: damage by accident ends here. Throws corrupt besides.
VaultFile parse_vault_file(View bytes, const std::string& where);
/// Throws corrupt unless the file's MAC is `key`'s. `bytes` have passed parse_vault_file.
void authenticate(View bytes, const DataKey& key, const std::string& where);

/// Header, slots and records: all that the digest covers.
Bytes encode_layout(const VaultFile& file);
/// The whole file. Throws bad_secret where it would be longer than max_file_bytes.
Bytes encode_vault_file(const VaultFile& file, const DataKey& key);

}  // namespace standin::vault
