#include "vault/record.h"

#include "vault/credential_name.h"

namespace standin::vault {
namespace {

constexpr std::size_t entry_bytes_beside_texts = 8 + 8 + 8 + 2 + 4;

void append_seconds(Bytes& out, std::chrono::sys_seconds time) {
  append_number(out, static_cast<std::uint64_t>(time.time_since_epoch().count()));
}

std::chrono::sys_seconds read_seconds(Reader& in) {
  return std::chrono::sys_seconds(
      std::chrono::seconds(static_cast<std::int64_t>(in.number<std::uint64_t>())));
}

std::string text_of(View bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// The entry is the secret's associated data: that is what ties a secret to its name and scope.
Bytes secret_associated_data(const VaultId& id, View entry) {
  Bytes data = associated_data("secret", id);
  append(data, entry);
  return data;
}

}  // namespace

bool is_sealed_entry_size(std::size_t size) noexcept {
  constexpr std::size_t least = sealing_overhead + entry_bytes_beside_texts + 1;
  return size >= least && size <= least - 1 + max_name_bytes + Vault::max_scope_bytes;
}

bool is_sealed_secret_size(std::size_t size) noexcept {
  return size > sealing_overhead && size <= sealing_overhead + Vault::max_secret_bytes;
}

Bytes encode_entry(const Entry& entry) {
  Bytes out;
  out.reserve(entry_bytes_beside_texts + entry.name.size() + entry.scope.size());
  append_number(out, entry.version);
  append_seconds(out, entry.created);
  append_seconds(out, entry.rotated);
  append_number(out, static_cast<std::uint16_t>(entry.name.size()));
  append(out, bytes_of(entry.name));
  append_number(out, static_cast<std::uint32_t>(entry.scope.size()));
  append(out, bytes_of(entry.scope));
  return out;
}

Entry decode_entry(View plaintext, const std::string& where, const std::string& part) {
  Reader in(plaintext, where);
  in.enter(part);
  Entry entry;
  entry.version = in.number<std::uint64_t>();
  entry.created = read_seconds(in);
  entry.rotated = read_seconds(in);
  entry.name = text_of(in.take(in.number<std::uint16_t>()));
  in.require(is_allowed_name(entry.name), "has a name that is not allowed");
  const auto scope_size = in.number<std::uint32_t>();
  in.require(scope_size <= Vault::max_scope_bytes, "has a scope that is too long");
  entry.scope = text_of(in.take(scope_size));
  in.require(in.at_end(), "has bytes after its end");
  return entry;
}

SealedRecord seal_record(const DataKey& key, const VaultId& id, const Entry& entry, const Secret& secret) {
  const Bytes plain = encode_entry(entry);
  return {.entry = key.seal_entry(plain, associated_data("entry", id)),
          .secret = secret.reveal(
              [&](View bytes) { return key.seal_secret(bytes, secret_associated_data(id, plain)); })};
}

Entry open_entry(const DataKey& key, const VaultId& id, const SealedRecord& record, const std::string& where,
                 const std::string& part) {
  Bytes plain(record.entry.size() - sealing_overhead);
  if (!key.open_entry(record.entry, associated_data("entry", id), plain))
    throw_corrupt(where, part + " does not authenticate");
  return decode_entry(plain, where, part);
}

Secret open_secret(const DataKey& key, const VaultId& id, const SealedRecord& record, const Entry& entry,
                   const std::string& where) {
  Secret secret(record.secret.size() - sealing_overhead);
  const Bytes associated = secret_associated_data(id, encode_entry(entry));
  const bool authentic = secret.fill(
      [&](std::span<std::byte> plain) { return key.open_secret(record.secret, associated, plain); });
  if (!authentic)
    throw_corrupt(where,
                  "the secret of \"" + entry.name + "\" is not the one sealed with this name and scope");
  return secret;
}

}  // namespace standin::vault
