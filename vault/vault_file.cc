#include "vault/vault_file.h"

#include <algorithm>
#include <array>

#include "vault/key_slot.h"
#include "vault/record.h"

namespace standin::vault {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view magic = "standin vault\r\n\x1a"sv;
static_assert(magic.size() == 16);
constexpr std::size_t version_end = 18;  // what every format has in common
constexpr std::size_t header_bytes = 48;
constexpr std::size_t length_offset = 40;
constexpr std::size_t trailer_bytes = 2 * sizeof(Digest);
constexpr std::size_t shortest_file = header_bytes + trailer_bytes;

[[noreturn]] void throw_truncated(const std::string& where, std::size_t size) {
  throw Error(Error::Kind::truncated, where + " is cut short after " + std::to_string(size) + " bytes",
              "nothing was changed; restore the vault from a backup");
}

void check_magic(View bytes, const std::string& where) {
  const View expected = bytes_of(magic).first(std::min(bytes.size(), magic.size()));
  if (!std::ranges::equal(bytes.first(expected.size()), expected))
    throw_corrupt(where, "it does not begin as a vault file does");
}

void check_version(View bytes, const std::string& where) {
  if (bytes.size() < version_end) throw_truncated(where, bytes.size());
  const auto version = number_at<std::uint16_t>(bytes.subspan(magic.size()));
  if (version > format_version)
    throw Error(Error::Kind::newer_version,
                where + " has format " + std::to_string(version) + ", and this standin reads format " +
                    std::to_string(format_version),
                "update standin; nothing was changed");
  if (version != format_version) throw_corrupt(where, "header has a format that never was");
}

void check_length(View bytes, const std::string& where) {
  if (bytes.size() < header_bytes) throw_truncated(where, bytes.size());
  const auto length = number_at<std::uint64_t>(bytes.subspan(length_offset));
  if (length < shortest_file || length > max_file_bytes)
    throw_corrupt(where, "header has an impossible length");
  if (bytes.size() < length) throw_truncated(where, bytes.size());
  if (bytes.size() > length) throw_corrupt(where, "it has bytes after its end");
}

KeySlot read_slot(Reader& in) {
  KeySlot slot;
  slot.kind = in.number<std::uint8_t>();
  in.require(in.number<std::uint8_t>() == 0, "has an unknown mark");
  const auto size = in.number<std::uint16_t>();
  in.require(size <= max_slot_bytes, "is too long");
  const View body = in.take(size);
  slot.body.assign(body.begin(), body.end());
  if (!is_well_formed(slot)) in.reject("asks for what no standin ever wrote");
  return slot;
}

SealedRecord read_record(Reader& in) {
  const auto entry_size = in.number<std::uint32_t>();
  const auto secret_size = in.number<std::uint32_t>();
  in.require(is_sealed_entry_size(entry_size) && is_sealed_secret_size(secret_size),
             "has an impossible length");
  const View entry = in.take(entry_size);
  const View secret = in.take(secret_size);
  return {.entry = Bytes(entry.begin(), entry.end()), .secret = Bytes(secret.begin(), secret.end())};
}

}  // namespace

VaultFile parse_layout(View bytes, const std::string& where) {
  check_magic(bytes, where);
  check_version(bytes, where);
  check_length(bytes, where);
  Reader in(bytes.first(bytes.size() - trailer_bytes).subspan(version_end), where);
  in.enter("header");
  const auto slot_count = in.number<std::uint8_t>();
  in.require(slot_count >= 1 && slot_count <= max_slots, "has an impossible number of key slots");
  in.require(in.number<std::uint8_t>() == 0, "has an unknown mark");
  const auto record_count = in.number<std::uint32_t>();

  VaultFile file;
  std::ranges::copy(in.take(file.id.size()), file.id.begin());
  in.take(sizeof(std::uint64_t));  // the length, checked above
  for (unsigned i = 1; i <= slot_count; ++i) {
    in.enter("slot " + std::to_string(i));
    file.slots.push_back(read_slot(in));
  }
  // No reserve(record_count): the number is a stranger's until the MAC is checked.
  for (std::uint32_t i = 1; i <= record_count; ++i) {
    in.enter("record " + std::to_string(i));
    file.records.push_back(read_record(in));
  }
  in.enter("the end");
  in.require(in.at_end(), "has bytes that belong to no record");
  return file;
}

VaultFile parse_vault_file(View bytes, const std::string& where) {
  VaultFile file = parse_layout(bytes, where);
  const Digest digest = digest_of(bytes.first(bytes.size() - trailer_bytes));
  if (!std::ranges::equal(digest, bytes.last(trailer_bytes).first(sizeof(Digest))))
    throw_corrupt(where, "its digest is not that of its content");
  return file;
}

void authenticate(View bytes, const DataKey& key, const std::string& where) {
  const View trailer = bytes.last(trailer_bytes);
  Digest digest;
  std::ranges::copy(trailer.first(sizeof(Digest)), digest.begin());
  if (!same_digest(key.mac(digest), trailer.last(sizeof(Digest))))
    throw_corrupt(where, "its MAC is wrong, something in it was changed, moved or removed");
}

Bytes encode_layout(const VaultFile& file) {
  Bytes out;
  append(out, bytes_of(magic));
  append_number(out, format_version);
  append_number(out, static_cast<std::uint8_t>(file.slots.size()));
  append_number(out, std::uint8_t{0});
  append_number(out, static_cast<std::uint32_t>(file.records.size()));
  append(out, file.id);
  append_number(out, std::uint64_t{0});
  for (const KeySlot& slot : file.slots) append(out, encode_slot(slot));
  for (const SealedRecord& record : file.records) {
    append_number(out, static_cast<std::uint32_t>(record.entry.size()));
    append_number(out, static_cast<std::uint32_t>(record.secret.size()));
    append(out, record.entry);
    append(out, record.secret);
  }
  Bytes length;
  append_number(length, std::uint64_t{out.size() + trailer_bytes});
  std::ranges::copy(length, out.begin() + length_offset);
  return out;
}

Bytes encode_vault_file(const VaultFile& file, const DataKey& key) {
  Bytes out = encode_layout(file);
  if (out.size() + trailer_bytes > max_file_bytes)
    throw Error(Error::Kind::bad_secret, "the vault is full: it would grow over 64 MiB",
                "remove credentials that are no longer used");
  const Digest digest = digest_of(out);
  append(out, digest);
  append(out, key.mac(digest));
  return out;
}

}  // namespace standin::vault
