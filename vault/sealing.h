#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "vault/secret.h"
#include "vault/wire.h"

namespace standin::vault {

/// Before any other call into libsodium: sodium_init, once a process, from whichever thread is first.
/// Throws std::runtime_error where the system has no randomness to give.
void start_sodium();

inline constexpr std::size_t key_bytes = 32;
inline constexpr std::size_t sealing_overhead = 24 + 16;  // nonce, tag

using VaultId = std::array<std::byte, 16>;
using Digest = std::array<std::byte, 32>;

/// nonce || ciphertext || tag, XChaCha20-Poly1305-IETF with a fresh random nonce.
Bytes seal(View key, View plaintext, View associated);
/// Opens into `plaintext`, which has exactly sealed.size() - sealing_overhead bytes (all zero after a
/// failure). False where it does not authenticate.
[[nodiscard]] bool open_sealed(View key, View sealed, View associated, std::span<std::byte> plaintext);

/// "standin.vault.1.<what>", a zero byte, the vault id: the beginning of all associated data, so that
/// nothing sealed for one purpose, or in one vault, opens as another.
Bytes associated_data(std::string_view what, const VaultId& id);

/// BLAKE2b-256 without a key.
Digest digest_of(View bytes);
/// In constant time.
[[nodiscard]] bool same_digest(const Digest& a, View b) noexcept;

/// The vault's data key and the subkeys made from it. Move-only; holds key material only in a Secret.
class DataKey {
 public:
  static DataKey random();
  /// `bytes` are the 32 of the data key.
  explicit DataKey(const Secret& bytes);

  Bytes seal_entry(View plaintext, View associated) const;
  [[nodiscard]] bool open_entry(View sealed, View associated, std::span<std::byte> plaintext) const;
  Bytes seal_secret(View plaintext, View associated) const;
  [[nodiscard]] bool open_secret(View sealed, View associated, std::span<std::byte> plaintext) const;
  Digest mac(const Digest& digest) const;
  /// For other rooms. Throws std::invalid_argument unless `context` is 1 to 8 bytes, none of them zero.
  Secret derive(std::string_view context) const;

  /// Lends the data key itself, to be wrapped in a slot.
  template <class F>
  decltype(auto) reveal(F&& use) const {
    return ring_.reveal([&](View all) -> decltype(auto) { return use(all.first(key_bytes)); });
  }

 private:
  enum Subkey : std::size_t { data = 0, entries, secrets, file_mac, count };
  template <class F>
  decltype(auto) with(Subkey which, F&& use) const;

  Secret ring_;  // one allocation: each costs five system calls, on the start path of every run
};

}  // namespace standin::vault
