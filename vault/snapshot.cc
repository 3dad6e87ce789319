#include "vault/snapshot.h"

#include <algorithm>

#include "vault/credential_name.h"
#include "vault/messages.h"
#include "vault/record.h"

namespace standin::vault {
namespace {

std::size_t position_of(const std::vector<Entry>& entries, std::string_view name) {
  return static_cast<std::size_t>(std::ranges::lower_bound(entries, name, {}, &Entry::name) -
                                  entries.begin());
}

[[noreturn]] void throw_not_found(std::string_view name) {
  std::string hint;
  if (is_allowed_name(name)) hint.append("add it with 'standin add ").append(name).append("'");
  throw Error(Error::Kind::not_found, "no credential named " + quoted_name(name), std::move(hint));
}

std::vector<Entry> open_entries(const VaultFile& file, const DataKey& key, const std::string& where) {
  std::vector<Entry> entries;
  for (const SealedRecord& record : file.records) {
    const std::string part = "record " + std::to_string(entries.size() + 1);
    Entry entry = open_entry(key, file.id, record, where, part);
    if (!entries.empty() && entries.back().name >= entry.name)
      throw_corrupt(where, part + " is out of order");
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace

bool Snapshot::has(std::string_view name) const {
  const std::size_t i = position_of(entries, name);
  return i < entries.size() && entries[i].name == name;
}

std::size_t Snapshot::index_of(std::string_view name) const {
  if (!has(name)) throw_not_found(name);
  return position_of(entries, name);
}

void Snapshot::insert(Entry entry, SealedRecord record) {
  if (has(entry.name))
    throw Error(Error::Kind::exists, "there is a credential named " + quoted_name(entry.name) + " already",
                "'standin rotate " + entry.name + "' gives it a new secret, 'standin edit " + entry.name +
                    "' another scope");
  const auto at = static_cast<std::ptrdiff_t>(position_of(entries, entry.name));
  entries.insert(entries.begin() + at, std::move(entry));
  file.records.insert(file.records.begin() + at, std::move(record));
}

void Snapshot::erase(std::size_t index) {
  const auto at = static_cast<std::ptrdiff_t>(index);
  entries.erase(entries.begin() + at);
  file.records.erase(file.records.begin() + at);
}

std::string named(const std::filesystem::path& path) { return "vault " + shown(path); }

UnopenedVault read_unopened(const std::filesystem::path& path) {
  UnopenedVault vault;
  vault.pin = open_private(path, "vault", Links::follow, "make it with 'standin init'");
  vault.identity = identity_of(vault.pin, named(path));
  if (vault.identity.size > static_cast<off_t>(max_file_bytes))
    throw_corrupt(named(path), "it is over 64 MiB long");
  vault.bytes.resize(static_cast<std::size_t>(vault.identity.size));
  vault.bytes.resize(read_file(vault.pin, vault.bytes, named(path)));
  vault.file = parse_vault_file(vault.bytes, named(path));
  return vault;
}

Snapshot open_with(UnopenedVault unopened, const DataKey& key, const std::filesystem::path& path) {
  authenticate(unopened.bytes, key, named(path));
  std::vector<Entry> entries = open_entries(unopened.file, key, named(path));
  return {.file = std::move(unopened.file),
          .entries = std::move(entries),
          .identity = unopened.identity,
          .pin = std::move(unopened.pin)};
}

}  // namespace standin::vault
