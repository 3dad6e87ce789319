#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "vault/private_file.h"
#include "vault/vault.h"
#include "vault/vault_file.h"

namespace standin::vault {

/// The vault's file as it was read once: authenticated, its entries open, its secrets sealed.
struct Snapshot {
  VaultFile file;
  std::vector<Entry> entries;  // entries[i] is that of file.records[i]; by name
  FileIdentity identity;
  Descriptor pin;  // stays open: while it is, no later file can get this one's inode number

  [[nodiscard]] bool has(std::string_view name) const;
  /// Throws not_found.
  [[nodiscard]] std::size_t index_of(std::string_view name) const;
  /// Throws exists.
  void insert(Entry entry, SealedRecord record);
  void erase(std::size_t index);
};

/// "vault PATH", the beginning of most messages.
std::string named(const std::filesystem::path& path);

/// The bytes of the vault's file, checked for owner and mode, parsed, but not authenticated.
struct UnopenedVault {
  Bytes bytes;
  VaultFile file;
  FileIdentity identity;
  Descriptor pin;
};
UnopenedVault read_unopened(const std::filesystem::path& path);

/// Throws corrupt where anything does not authenticate.
Snapshot open_with(UnopenedVault unopened, const DataKey& key, const std::filesystem::path& path);

}  // namespace standin::vault
