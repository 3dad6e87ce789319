#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "vault/error.h"
#include "vault/secret.h"

namespace standin::vault {

/// What opens a key slot. See docs/vault-format.md, "Key slots".
struct KeyFile {
  std::filesystem::path path;  // 0600, its folder 0700; 32 random bytes, base64 with one newline
};
struct KeyValue {
  Secret base64;  // the same text as a key file holds, from STANDIN_KEY
};
struct Passphrase {
  Secret text;
};
using Unlock = std::variant<KeyFile, KeyValue, Passphrase>;

enum class SlotKind : std::uint8_t { key_file = 1, passphrase = 2 };

/// One credential as the vault knows it: `scope` is opaque to the vault (the broker's JSON), sealed and
/// authenticated like the secret.
struct Entry {
  std::string name;
  std::string scope;
  std::uint64_t version = 0;  // counts changes of this credential, starting with 1
  std::chrono::sys_seconds created;
  std::chrono::sys_seconds rotated;  // when the secret was last set
  bool operator==(const Entry&) const = default;
};

/// The vault: one file of sealed secrets (docs/vault-format.md).
///
/// An object is a view of the file as it was when it was opened or last reloaded. Each change takes the
/// lock file, reads the file again, changes it and replaces it durably (temporary file, fsync, rename,
/// fsync of the folder), so that two processes lose nothing of each other's, and an interrupted one
/// leaves the old file or the new. Nothing is ever overwritten in place. `path` may be a symbolic link: what
/// it points to is replaced.
///
/// Secrets stay sealed in memory until secret() opens one. Thread: one thread at a time.
/// Errors: vault::Error, with the file untouched (but for an io error of the folder's last fsync, after
/// which the new file is in place).
class Vault {
 public:
  /// Makes the vault at `path` (missing folders 0700, file 0600) with one key slot. For a KeyFile the key
  /// file is made too, and must not exist; it is removed again where the vault can't be made. A KeyValue's
  /// must decode to 32 bytes. Throws exists where there is a vault (or anything else) already, wrong_key for
  /// a KeyValue that is none, bad_secret for an empty passphrase, io.
  static Vault create(const std::filesystem::path& path, const Unlock& unlock);
  /// Opens it. Throws missing, permissions, not_ours, truncated, corrupt, newer_version, wrong_key, io; and
  /// locked_out where a key is given, and only a passphrase would open it.
  static Vault open(const std::filesystem::path& path, const Unlock& unlock);
  /// The kinds of the slots of the vault at `path`, without any key: what to ask the user for. In the file's
  /// order, without those that only a later standin knows. Throws as open() does before it needs a key.
  static std::vector<SlotKind> slots(const std::filesystem::path& path);

  Vault(Vault&&) noexcept;
  Vault& operator=(Vault&&) noexcept;
  ~Vault();

  [[nodiscard]] std::vector<Entry> entries() const;  // by name
  [[nodiscard]] std::optional<Entry> find(std::string_view name) const;
  /// Opens the secret of `name`. Throws not_found; corrupt where it was moved to another name or scope.
  [[nodiscard]] Secret secret(std::string_view name) const;

  /// 1 to 100 characters of [A-Za-z0-9._-], starting with a letter or digit. Throws bad_name, exists,
  /// bad_secret (empty or over max_secret_bytes; also a scope over max_scope_bytes, and a vault that would
  /// grow over 64 MiB), io.
  void add(std::string_view name, std::string_view scope, const Secret& secret);
  /// Each of these makes the credential's version one more; they throw not_found besides. rename() throws
  /// exists where `new_name` is taken, by `name` itself too.
  ///
  /// A new scope rests on the one that was read. replace_scope() and replace_secret() throw changed where
  /// another process changed the credential since this object last read it: an edit that takes an origin
  /// away must not be undone by a rotation that waited at its prompt.
  void replace_scope(std::string_view name, std::string_view scope);
  void replace_secret(std::string_view name, std::string_view scope, const Secret& secret);
  void rename(std::string_view name, std::string_view new_name);
  void remove(std::string_view name);

  /// Whether the file was replaced since this object last read it, is gone, or can't be looked at: one
  /// stat(). Taking the vault away is a way to revoke all that is in it.
  [[nodiscard]] bool changed_on_disk() const noexcept;
  /// Reads the file again with the data key already held. Throws as open(), wrong_key where another vault
  /// was made in its place; on a throw the object still holds what it held.
  void reload();

  /// A 32-byte key for another purpose ("audit"), derived from the data key; different for every
  /// `context`, which is 1 to 8 bytes, none of them zero (else std::invalid_argument).
  [[nodiscard]] Secret derive_key(std::string_view context) const;

  [[nodiscard]] const std::filesystem::path& path() const noexcept;

  static constexpr std::size_t max_secret_bytes = 1 << 20;
  static constexpr std::size_t max_scope_bytes = 256 << 10;

 private:
  struct State;
  explicit Vault(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Throws Error(bad_name) with the rule unless `name` may name a credential. Control bytes of a hostile
/// name are shown escaped, and a long one cut.
void check_name(std::string_view name);

}  // namespace standin::vault
