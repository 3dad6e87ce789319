#include "vault/sealing.h"

#include <algorithm>
#include <stdexcept>

#include <sodium.h>

namespace standin::vault {
namespace {

constexpr std::size_t nonce_bytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t tag_bytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
static_assert(nonce_bytes + tag_bytes == sealing_overhead);
static_assert(key_bytes == crypto_aead_xchacha20poly1305_ietf_KEYBYTES && key_bytes == crypto_kdf_KEYBYTES);

// Ids keep the two families of subkeys apart, whatever context another room asks for.
constexpr std::uint64_t own_subkeys = 1;
constexpr std::uint64_t subkeys_for_others = 2;

const unsigned char* in(View bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }
unsigned char* out(std::span<std::byte> bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

void derive_into(std::span<std::byte> subkey, std::uint64_t id, std::string_view context, View key) {
  std::array<char, crypto_kdf_CONTEXTBYTES> padded{};
  std::ranges::copy(context, padded.begin());
  crypto_kdf_derive_from_key(out(subkey), subkey.size(), id, padded.data(), in(key));
}

}  // namespace

void start_sodium() {
  static const int started = sodium_init();
  if (started < 0) throw std::runtime_error("libsodium can't start: the system gives no random bytes");
}

Bytes seal(View key, View plaintext, View associated) {
  Bytes sealed(plaintext.size() + sealing_overhead);
  const std::span nonce = std::span(sealed).first(nonce_bytes);
  randombytes_buf(nonce.data(), nonce.size());
  crypto_aead_xchacha20poly1305_ietf_encrypt(out(std::span(sealed).subspan(nonce_bytes)), nullptr,
                                             in(plaintext), plaintext.size(), in(associated),
                                             associated.size(), nullptr, in(nonce), in(key));
  return sealed;
}

bool open_sealed(View key, View sealed, View associated, std::span<std::byte> plaintext) {
  if (sealed.size() < sealing_overhead || plaintext.size() != sealed.size() - sealing_overhead) return false;
  const View ciphertext = sealed.subspan(nonce_bytes);
  return crypto_aead_xchacha20poly1305_ietf_decrypt(out(plaintext), nullptr, nullptr, in(ciphertext),
                                                    ciphertext.size(), in(associated), associated.size(),
                                                    in(sealed), in(key)) == 0;
}

Bytes associated_data(std::string_view what, const VaultId& id) {
  Bytes data;
  append(data, bytes_of("standin.vault.1."));
  append(data, bytes_of(what));
  data.push_back(std::byte{0});
  append(data, id);
  return data;
}

Digest digest_of(View bytes) {
  Digest digest;
  crypto_generichash(out(digest), digest.size(), in(bytes), bytes.size(), nullptr, 0);
  return digest;
}

bool same_digest(const Digest& a, View b) noexcept {
  return b.size() == a.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

DataKey DataKey::random() {
  Secret bytes(key_bytes);
  bytes.fill([](std::span<std::byte> key) { randombytes_buf(key.data(), key.size()); });
  return DataKey(bytes);
}

DataKey::DataKey(const Secret& bytes) : ring_(count * key_bytes) {
  ring_.fill([&](std::span<std::byte> ring) {
    bytes.reveal([&](View key) { std::ranges::copy(key.first(key_bytes), ring.begin()); });
    const View key = ring.first(key_bytes);
    derive_into(ring.subspan(entries * key_bytes, key_bytes), own_subkeys, "entries", key);
    derive_into(ring.subspan(secrets * key_bytes, key_bytes), own_subkeys, "secrets", key);
    derive_into(ring.subspan(file_mac * key_bytes, key_bytes), own_subkeys, "file-mac", key);
  });
}

template <class F>
decltype(auto) DataKey::with(Subkey which, F&& use) const {
  return ring_.reveal([&](View all) { return use(all.subspan(which * key_bytes, key_bytes)); });
}

Bytes DataKey::seal_entry(View plaintext, View associated) const {
  return with(entries, [&](View key) { return seal(key, plaintext, associated); });
}

bool DataKey::open_entry(View sealed, View associated, std::span<std::byte> plaintext) const {
  return with(entries, [&](View key) { return open_sealed(key, sealed, associated, plaintext); });
}

Bytes DataKey::seal_secret(View plaintext, View associated) const {
  return with(secrets, [&](View key) { return seal(key, plaintext, associated); });
}

bool DataKey::open_secret(View sealed, View associated, std::span<std::byte> plaintext) const {
  return with(secrets, [&](View key) { return open_sealed(key, sealed, associated, plaintext); });
}

Digest DataKey::mac(const Digest& digest) const {
  return with(file_mac, [&](View key) {
    Digest mac;
    crypto_generichash(out(mac), mac.size(), in(digest), digest.size(), in(key), key.size());
    return mac;
  });
}

Secret DataKey::derive(std::string_view context) const {
  if (context.empty() || context.size() > crypto_kdf_CONTEXTBYTES || context.contains('\0'))
    throw std::invalid_argument("a key's context is 1 to 8 bytes, none of them zero");
  Secret subkey(key_bytes);
  subkey.fill([&](std::span<std::byte> bytes) {
    reveal([&](View key) { derive_into(bytes, subkeys_for_others, context, key); });
  });
  return subkey;
}

}  // namespace standin::vault
