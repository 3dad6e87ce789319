#include "vault/vault.h"

#include <sys/stat.h>
#include <unistd.h>

#include <system_error>

#include <sodium.h>

#include "vault/atomic_save.h"
#include "vault/credential_name.h"
#include "vault/messages.h"
#include "vault/record.h"
#include "vault/snapshot.h"
#include "vault/unlock.h"

namespace standin::vault {
namespace {

/// The file itself where `path` is a symbolic link: a rename would replace the link. Also where the link
/// dangles, which weakly_canonical takes for the end of the way.
std::filesystem::path target_of(const std::filesystem::path& path) {
  std::error_code failed;
  auto target = std::filesystem::weakly_canonical(path, failed);
  while (!failed && std::filesystem::is_symlink(std::filesystem::symlink_status(target, failed))) {
    const auto pointed_to = std::filesystem::read_symlink(target, failed);
    if (!failed) target = std::filesystem::weakly_canonical(folder_of(target) / pointed_to, failed);
  }
  if (failed && failed != std::errc::no_such_file_or_directory)
    throw_system_error("resolving " + named(path), failed.value());
  return target;
}

bool is_there(const std::filesystem::path& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

void refuse_existing(const std::filesystem::path& target) {
  if (is_there(target))
    throw Error(Error::Kind::exists, named(target) + " is there already",
                "it was not touched; move it away first to begin a new one");
}

// Else the vault would be renamed over its own key.
void refuse_key_in_place_of(const std::filesystem::path& target, const Unlock& unlock) {
  const auto* key = std::get_if<KeyFile>(&unlock);
  if (key == nullptr) return;
  const std::string place = target_of(key->path).native();
  if (place == target.native() || place == target.native() + ".new" || place == target.native() + ".lock")
    throw Error(Error::Kind::exists, "key file " + shown(key->path) + " is where the vault goes",
                "choose another place for the key");
}

void check_scope(std::string_view scope) {
  if (scope.size() > Vault::max_scope_bytes)
    throw Error(Error::Kind::bad_secret, "the scope is longer than 256 KiB", "name fewer origins or sites");
}

void check_secret(const Secret& secret) {
  if (secret.empty()) throw Error(Error::Kind::bad_secret, "the secret is empty", "was anything piped in?");
  if (secret.size() > Vault::max_secret_bytes)
    throw Error(Error::Kind::bad_secret, "the secret is longer than 1 MiB", "is it the right file?");
}

std::chrono::sys_seconds now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

VaultFile new_file(const DataKey& key, const Unlock& unlock) {
  VaultFile file;
  randombytes_buf(file.id.data(), file.id.size());
  file.slots.push_back(make_first_slot(file.id, key, unlock));
  return file;
}

Snapshot read_again(const std::filesystem::path& path, const DataKey& key, const VaultId& expected) {
  UnopenedVault unopened = read_unopened(path);
  if (unopened.file.id != expected)
    throw Error(Error::Kind::wrong_key, named(path) + " was replaced by another vault, with another key",
                "start again to open the new one");
  return open_with(std::move(unopened), key, path);
}

}  // namespace

struct Vault::State {
  std::filesystem::path path;
  DataKey key;
  Snapshot snapshot;

  /// Under the lock, and to what is in the file by now.
  template <class Edit>
  void change(Edit&& edit) {
    const std::filesystem::path target = target_of(path);
    if (!is_there(target)) read_unopened(path);  // throws missing, before a lock file is made
    AtomicSave save(target);
    Snapshot next = read_again(path, key, snapshot.file.id);
    edit(next);
    next.pin = save.replace(encode_vault_file(next.file, key));
    next.identity = identity_of(next.pin, named(path));
    snapshot = std::move(next);
  }

  /// Where `name` is in `next`. Throws where it is not what it was when this object last read it.
  std::size_t unchanged_index(const Snapshot& next, std::string_view name) const {
    const std::size_t i = next.index_of(name);
    if (!snapshot.has(name) || snapshot.entries[snapshot.index_of(name)] != next.entries[i])
      throw Error(Error::Kind::changed, "credential " + quoted_name(name) + " was changed meanwhile",
                  "look at it with 'standin show " + std::string(name) + "', and try again");
    return i;
  }

  /// Replaces the record at `index` by one of `entry`, one version on.
  void reseal(Snapshot& next, std::size_t index, Entry entry, const Secret& secret) const {
    ++entry.version;
    SealedRecord record = seal_record(key, next.file.id, entry, secret);
    next.erase(index);
    next.insert(std::move(entry), std::move(record));
  }

  Secret open_at(const Snapshot& from, std::size_t index) const {
    return open_secret(key, from.file.id, from.file.records[index], from.entries[index], named(path));
  }
};

Vault::Vault(std::unique_ptr<State> state) : state_(std::move(state)) {}
Vault::Vault(Vault&&) noexcept = default;
Vault& Vault::operator=(Vault&&) noexcept = default;
Vault::~Vault() = default;

Vault Vault::create(const std::filesystem::path& path, const Unlock& unlock) {
  start_sodium();
  const std::filesystem::path target = target_of(path);
  refuse_existing(target);
  refuse_key_in_place_of(target, unlock);
  make_private_folders(folder_of(target));
  AtomicSave save(target);
  refuse_existing(target);  // another init may have had the lock

  DataKey key = DataKey::random();
  VaultFile file = new_file(key, unlock);
  try {
    Descriptor pin = save.replace(encode_vault_file(file, key));
    const FileIdentity identity = identity_of(pin, named(path));
    Snapshot snapshot{.file = std::move(file), .entries = {}, .identity = identity, .pin = std::move(pin)};
    return Vault(std::make_unique<State>(State{path, std::move(key), std::move(snapshot)}));
  } catch (...) {
    const auto* made = std::get_if<KeyFile>(&unlock);
    if (made != nullptr && !is_there(target)) ::unlink(made->path.c_str());
    throw;
  }
}

Vault Vault::open(const std::filesystem::path& path, const Unlock& unlock) {
  start_sodium();
  UnopenedVault unopened = read_unopened(path);
  DataKey key = open_data_key(unopened.file, unlock, named(path));
  Snapshot snapshot = open_with(std::move(unopened), key, path);
  return Vault(std::make_unique<State>(State{path, std::move(key), std::move(snapshot)}));
}

std::vector<SlotKind> Vault::slots(const std::filesystem::path& path) {
  start_sodium();
  std::vector<SlotKind> kinds;
  for (const KeySlot& slot : read_unopened(path).file.slots) {
    const auto kind = static_cast<SlotKind>(slot.kind);
    if (kind == SlotKind::key_file || kind == SlotKind::passphrase) kinds.push_back(kind);
  }
  return kinds;
}

std::vector<Entry> Vault::entries() const { return state_->snapshot.entries; }

std::optional<Entry> Vault::find(std::string_view name) const {
  if (!state_->snapshot.has(name)) return std::nullopt;
  return state_->snapshot.entries[state_->snapshot.index_of(name)];
}

Secret Vault::secret(std::string_view name) const {
  return state_->open_at(state_->snapshot, state_->snapshot.index_of(name));
}

void Vault::add(std::string_view name, std::string_view scope, const Secret& secret) {
  check_name(name);
  check_scope(scope);
  check_secret(secret);
  state_->change([&](Snapshot& next) {
    const auto time = now();
    Entry entry{.name = std::string(name),
                .scope = std::string(scope),
                .version = 1,
                .created = time,
                .rotated = time};
    SealedRecord record = seal_record(state_->key, next.file.id, entry, secret);
    next.insert(std::move(entry), std::move(record));
  });
}

void Vault::replace_scope(std::string_view name, std::string_view scope) {
  check_scope(scope);
  state_->change([&](Snapshot& next) {
    const std::size_t i = state_->unchanged_index(next, name);
    Entry entry = next.entries[i];
    entry.scope = scope;
    state_->reseal(next, i, std::move(entry), state_->open_at(next, i));
  });
}

void Vault::replace_secret(std::string_view name, std::string_view scope, const Secret& secret) {
  check_scope(scope);
  check_secret(secret);
  state_->change([&](Snapshot& next) {
    const std::size_t i = state_->unchanged_index(next, name);
    Entry entry = next.entries[i];
    entry.scope = scope;
    entry.rotated = now();
    state_->reseal(next, i, std::move(entry), secret);
  });
}

void Vault::rename(std::string_view name, std::string_view new_name) {
  check_name(new_name);
  state_->change([&](Snapshot& next) {
    const std::size_t i = next.index_of(name);
    if (next.has(new_name))
      throw Error(Error::Kind::exists, "there is a credential named " + quoted_name(new_name) + " already",
                  "choose another name, or remove it first");
    Entry entry = next.entries[i];
    entry.name = new_name;
    state_->reseal(next, i, std::move(entry), state_->open_at(next, i));
  });
}

void Vault::remove(std::string_view name) {
  state_->change([&](Snapshot& next) { next.erase(next.index_of(name)); });
}

bool Vault::changed_on_disk() const noexcept {
  const auto there = identity_at(state_->path);
  return !there || *there != state_->snapshot.identity;
}

void Vault::reload() { state_->snapshot = read_again(state_->path, state_->key, state_->snapshot.file.id); }

Secret Vault::derive_key(std::string_view context) const { return state_->key.derive(context); }

const std::filesystem::path& Vault::path() const noexcept { return state_->path; }

}  // namespace standin::vault
