#include "vault/unlock.h"

#include <algorithm>

#include "vault/key_file.h"
#include "vault/key_slot.h"
#include "vault/messages.h"

namespace standin::vault {
namespace {

Secret key_from(const KeyFile& key) { return read_key_file(key.path); }

Secret key_from(const KeyValue& value) {
  Secret key = decode_key(value.base64);
  if (key.empty())
    throw Error(Error::Kind::wrong_key, "the key given is not the base64 text of 32 bytes",
                "STANDIN_KEY holds the same text as the key file");
  return key;
}

bool has_slot(const VaultFile& file, SlotKind kind) {
  return std::ranges::any_of(
      file.slots, [&](const KeySlot& slot) { return slot.kind == static_cast<std::uint8_t>(kind); });
}

struct Unlocker {
  const VaultFile& file;
  const std::string& where;

  DataKey operator()(const KeyFile& key) const { return with_key(key, "key file " + shown(key.path)); }
  DataKey operator()(const KeyValue& key) const { return with_key(key, "the key given"); }
  DataKey operator()(const Passphrase& passphrase) const {
    if (!has_slot(file, SlotKind::passphrase))
      throw Error(Error::Kind::wrong_key, where + " has no slot for a passphrase",
                  "it opens with its key file");
    if (auto key = unlock_with_passphrase(file, passphrase.text)) return std::move(*key);
    throw Error(Error::Kind::wrong_key, where + " does not open with this passphrase", "try again");
  }

 private:
  DataKey with_key(const auto& given, const std::string& what) const {
    if (!has_slot(file, SlotKind::key_file))
      throw Error(Error::Kind::locked_out, where + " has no slot for a key file",
                  "it opens with a passphrase, on a terminal");
    if (auto key = unlock_with_key(file, key_from(given))) return std::move(*key);
    throw Error(Error::Kind::wrong_key, where + " does not open with " + what,
                "is it the key of another vault? STANDIN_KEY_FILE names the one to use");
  }
};

struct FirstSlot {
  const VaultId& id;
  const DataKey& data_key;

  KeySlot operator()(const KeyFile& key) const {
    return seal_key_slot(id, data_key, make_key_file(key.path));
  }
  KeySlot operator()(const KeyValue& key) const { return seal_key_slot(id, data_key, key_from(key)); }
  KeySlot operator()(const Passphrase& given) const { return seal_passphrase_slot(id, data_key, given.text); }
};

}  // namespace

DataKey open_data_key(const VaultFile& file, const Unlock& unlock, const std::string& where) {
  return std::visit(Unlocker{.file = file, .where = where}, unlock);
}

KeySlot make_first_slot(const VaultId& id, const DataKey& data_key, const Unlock& unlock) {
  return std::visit(FirstSlot{.id = id, .data_key = data_key}, unlock);
}

}  // namespace standin::vault
