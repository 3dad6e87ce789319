#include "vault/key_slot.h"

#include <sodium.h>

#include "vault/vault.h"

namespace standin::vault {
namespace {

constexpr std::size_t sealed_key_bytes = key_bytes + sealing_overhead;
constexpr std::size_t salt_bytes = crypto_pwhash_SALTBYTES;
constexpr std::size_t costs_bytes = 4 + 4;
static_assert(salt_bytes == 16 && crypto_pwhash_ALG_DEFAULT == crypto_pwhash_ALG_ARGON2ID13);

struct Cost {
  std::uint32_t passes;
  std::uint32_t memory_kib;
};

constexpr Cost interactive = {crypto_pwhash_OPSLIMIT_INTERACTIVE, crypto_pwhash_MEMLIMIT_INTERACTIVE / 1024};
constexpr Cost most = {crypto_pwhash_OPSLIMIT_SENSITIVE, crypto_pwhash_MEMLIMIT_SENSITIVE / 1024};
constexpr Cost least = {crypto_pwhash_OPSLIMIT_MIN, crypto_pwhash_MEMLIMIT_MIN / 1024};

constexpr std::uint8_t number_of(SlotKind kind) { return static_cast<std::uint8_t>(kind); }

Cost cost_of(View body) {
  return {number_at<std::uint32_t>(body), number_at<std::uint32_t>(body.subspan(4))};
}

// The slot's own bytes before the sealed key: so neither its kind nor its cost can be another's.
Bytes slot_associated_data(const VaultId& id, const KeySlot& slot) {
  const Bytes encoded = encode_slot(slot);
  Bytes data = associated_data("slot", id);
  append(data, View(encoded).first(encoded.size() - sealed_key_bytes));
  return data;
}

// `slot.body` holds the parameters; the sealed key is appended.
KeySlot finish_slot(KeySlot slot, const VaultId& id, const DataKey& data_key, const Secret& wrapping_key) {
  const std::size_t parameters = slot.body.size();
  slot.body.resize(parameters + sealed_key_bytes);  // the body's length is part of what is associated
  const Bytes associated = slot_associated_data(id, slot);
  slot.body.resize(parameters);
  wrapping_key.reveal([&](View key) {
    data_key.reveal([&](View plain) { append(slot.body, seal(key, plain, associated)); });
  });
  return slot;
}

std::optional<DataKey> open_slot(const VaultId& id, const KeySlot& slot, const Secret& wrapping_key) {
  Secret data_key(key_bytes);
  const Bytes associated = slot_associated_data(id, slot);
  const View sealed = View(slot.body).last(sealed_key_bytes);
  const bool opened = data_key.fill([&](std::span<std::byte> plain) {
    return wrapping_key.reveal([&](View key) { return open_sealed(key, sealed, associated, plain); });
  });
  if (!opened) return std::nullopt;
  return DataKey(data_key);
}

Secret stretch(const Secret& passphrase, View salt, Cost cost) {
  Secret key(key_bytes);
  const int failed = key.fill([&](std::span<std::byte> out) {
    return passphrase.reveal([&](View text) {
      return crypto_pwhash(reinterpret_cast<unsigned char*>(out.data()), out.size(),
                           reinterpret_cast<const char*>(text.data()), text.size(),
                           reinterpret_cast<const unsigned char*>(salt.data()), cost.passes,
                           std::size_t{cost.memory_kib} * 1024, crypto_pwhash_ALG_ARGON2ID13);
    });
  });
  if (failed != 0)
    throw Error(Error::Kind::io,
                "the passphrase can't be tried: Argon2id needs " + std::to_string(cost.memory_kib / 1024) +
                    " MiB of memory",
                "free some memory, or raise its limit (ulimit -v)");
  return key;
}

}  // namespace

Bytes encode_slot(const KeySlot& slot) {
  Bytes out;
  append_number(out, slot.kind);
  append_number(out, std::uint8_t{0});
  append_number(out, static_cast<std::uint16_t>(slot.body.size()));
  append(out, slot.body);
  return out;
}

bool is_well_formed(const KeySlot& slot) noexcept {
  if (slot.kind == number_of(SlotKind::key_file)) return slot.body.size() == sealed_key_bytes;
  if (slot.kind != number_of(SlotKind::passphrase)) return true;
  if (slot.body.size() != costs_bytes + salt_bytes + sealed_key_bytes) return false;
  // A hostile file could ask for 4 TiB and a week before anything of it is authentic.
  const Cost cost = cost_of(slot.body);
  return cost.passes >= least.passes && cost.passes <= most.passes && cost.memory_kib >= least.memory_kib &&
         cost.memory_kib <= most.memory_kib;
}

KeySlot seal_key_slot(const VaultId& id, const DataKey& data_key, const Secret& key) {
  return finish_slot({.kind = number_of(SlotKind::key_file), .body = {}}, id, data_key, key);
}

KeySlot seal_passphrase_slot(const VaultId& id, const DataKey& data_key, const Secret& passphrase) {
  if (passphrase.empty())
    throw Error(Error::Kind::bad_secret, "the passphrase is empty", "choose a longer one");
  KeySlot slot{.kind = number_of(SlotKind::passphrase), .body = {}};
  append_number(slot.body, interactive.passes);
  append_number(slot.body, interactive.memory_kib);
  slot.body.resize(costs_bytes + salt_bytes);
  const std::span salt = std::span(slot.body).subspan(costs_bytes);
  randombytes_buf(salt.data(), salt.size());
  const Secret wrapping_key = stretch(passphrase, salt, interactive);
  return finish_slot(std::move(slot), id, data_key, wrapping_key);
}

std::optional<DataKey> unlock_with_key(const VaultFile& file, const Secret& key) {
  for (const KeySlot& slot : file.slots) {
    if (slot.kind != number_of(SlotKind::key_file)) continue;
    if (auto data_key = open_slot(file.id, slot, key)) return data_key;
  }
  return std::nullopt;
}

std::optional<DataKey> unlock_with_passphrase(const VaultFile& file, const Secret& passphrase) {
  if (passphrase.empty()) return std::nullopt;
  for (const KeySlot& slot : file.slots) {
    if (slot.kind != number_of(SlotKind::passphrase)) continue;
    const View body = slot.body;
    const Secret key = stretch(passphrase, body.subspan(costs_bytes, salt_bytes), cost_of(body));
    if (auto data_key = open_slot(file.id, slot, key)) return data_key;
  }
  return std::nullopt;
}

}  // namespace standin::vault
