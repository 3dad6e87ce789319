#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/vault/vault_fixture.h"
#include "vault/record.h"

namespace standin::vault::test {
namespace {

using testing::HasSubstr;
using Kind = Error::Kind;

VaultOnDisk& fill(VaultOnDisk& disk) {
  return disk.with("github", "scope of github", "ghp_1")
      .with("gitlab", "scope of gitlab", "glpat")
      .with("slack", "scope of slack", "xoxb1");
}

TEST(VaultDamage, TruncatedAtEveryByteSaysSo) {
  VaultOnDisk disk;
  const Bytes whole = read_bytes(fill(disk).path());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write_bytes(disk.path(), View(whole).first(size));
    const auto error = disk.error_on_open();
    ASSERT_TRUE(error) << size;
    ASSERT_EQ(error->kind(), Kind::truncated) << size << ": " << error->what();
    ASSERT_THAT(error->what(),
                HasSubstr(disk.path().native() + " is cut short after " + std::to_string(size)));
  }
}

// An accident: the digest tells it from a wrong key.
TEST(VaultDamage, EachFlippedByteIsFound) {
  VaultOnDisk disk;
  const Bytes whole = read_bytes(fill(disk).path());
  for (std::size_t offset = 0; offset < whole.size(); ++offset) {
    for (const unsigned mask : {0x01u, 0x80u, 0xffu}) {
      Bytes damaged = whole;
      damaged[offset] ^= static_cast<std::byte>(mask);
      write_bytes(disk.path(), damaged);
      const auto error = disk.error_on_open();
      ASSERT_TRUE(error) << offset;
      const bool in_version = offset == 16 || offset == 17;
      const bool in_length = offset >= 40 && offset < 48;
      ASSERT_TRUE(error->kind() == Kind::corrupt || (in_version && error->kind() == Kind::newer_version) ||
                  (in_length && error->kind() == Kind::truncated))
          << offset << ": " << error->what();
    }
  }
}

// An attacker without the key makes the digest right again; only the MAC and the AEAD tags are left.
TEST(VaultDamage, EachFlippedByteIsFoundEvenWithARightDigest) {
  VaultOnDisk disk;
  const Bytes whole = read_bytes(fill(disk).path());
  for (std::size_t offset = 48; offset < whole.size(); ++offset) {
    if (offset >= whole.size() - 64 && offset < whole.size() - 32) continue;  // the digest itself
    Bytes damaged = whole;
    damaged[offset] ^= std::byte{0x10};
    fix_digest(damaged);
    write_bytes(disk.path(), damaged);
    const auto error = disk.error_on_open();
    ASSERT_TRUE(error) << offset;
    ASSERT_TRUE(error->kind() == Kind::corrupt || error->kind() == Kind::wrong_key ||
                error->kind() == Kind::locked_out)
        << offset << ": " << error->what();
  }
}

TEST(VaultDamage, BytesAfterTheEndAreFound) {
  const VaultOnDisk disk;
  write_text(disk.path(), read_text(disk.path()) + "x");
  EXPECT_EQ(disk.error_on_open()->kind(), Kind::corrupt);
}

TEST(VaultDamage, FileThatIsNoVaultIsNotCalledAWrongKey) {
  const VaultOnDisk disk;
  for (const std::string& text : {std::string("{}"), std::string(1000, 'x'), std::string(1000, '\0')}) {
    write_text(disk.path(), text);
    const auto error = disk.error_on_open();
    ASSERT_TRUE(error);
    EXPECT_EQ(error->kind(), Kind::corrupt);
    EXPECT_THAT(error->what(), HasSubstr("does not begin as a vault file does"));
  }
}

TEST(VaultDamage, NewerFormatIsNamedAndLeftAlone) {
  VaultOnDisk disk;
  fill(disk).flip_byte(16, 1 ^ 7);
  const std::string before = read_text(disk.path());
  const auto error = disk.error_on_open();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), Kind::newer_version);
  EXPECT_EQ(error->what(),
            "vault " + disk.path().native() + " has format 7, and this standin reads format 1");
  EXPECT_THAT(error->hint(), HasSubstr("update standin"));
  EXPECT_EQ(kind_of([&] { Vault::create(disk.path(), KeyFile{.path = disk.folder / "other"}); }),
            Kind::exists);
  EXPECT_EQ(read_text(disk.path()), before);
}

TEST(VaultDamage, FileOverTheBoundIsNotReadIntoMemory) {
  const VaultOnDisk disk;
  disk.truncate_to(std::size_t{1} << 40);  // sparse
  const auto error = disk.error_on_open();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), Kind::corrupt);
  EXPECT_THAT(error->what(), HasSubstr("over 64 MiB"));
}

TEST(VaultDamage, RemovedRecordIsFound) {
  VaultOnDisk disk;
  fill(disk).forge([](VaultFile& file) { file.records.erase(file.records.begin() + 1); });
  EXPECT_EQ(disk.error_on_open()->kind(), Kind::corrupt);
  EXPECT_THAT(disk.error_on_open()->what(), HasSubstr("changed, moved or removed"));
}

TEST(VaultDamage, RemovingAllRecordsIsFound) {
  VaultOnDisk disk;
  fill(disk).forge([](VaultFile& file) { file.records.clear(); });
  EXPECT_EQ(disk.error_on_open()->kind(), Kind::corrupt);
}

TEST(VaultDamage, RepeatedRecordIsFound) {
  VaultOnDisk disk;
  fill(disk).forge([](VaultFile& file) { file.records.push_back(file.records.back()); });
  EXPECT_EQ(disk.error_on_open()->kind(), Kind::corrupt);
}

TEST(VaultDamage, ReorderedRecordsAreFound) {
  VaultOnDisk disk;
  fill(disk).forge([](VaultFile& file) { std::swap(file.records[0], file.records[1]); });
  EXPECT_EQ(disk.error_on_open()->kind(), Kind::corrupt);
}

TEST(VaultDamage, SecretsOfTwoRecordsSwappedAreFound) {
  VaultOnDisk disk;
  fill(disk).forge([](VaultFile& file) { std::swap(file.records[0].secret, file.records[1].secret); });
  EXPECT_EQ(disk.error_on_open()->kind(), Kind::corrupt);
}

TEST(VaultDamage, RecordBroughtBackFromAnOlderFileIsFound) {
  VaultOnDisk disk;
  const VaultFile older = parse_vault_file(read_bytes(fill(disk).path()), "vault");
  disk.open().replace_secret("github", "scope of github", secret_of("new"));
  disk.forge([&](VaultFile& file) { file.records[0] = older.records[0]; });
  EXPECT_EQ(disk.error_on_open()->kind(), Kind::corrupt);
}

TEST(VaultDamage, SlotAddedByAStrangerIsFound) {
  const VaultOnDisk disk;
  disk.forge([](VaultFile& file) { file.slots.push_back({.kind = 77, .body = Bytes(10)}); });
  EXPECT_EQ(disk.error_on_open()->kind(), Kind::corrupt);
}

// docs/vault-format.md says that this cannot be detected; should that change, so must the page.
TEST(VaultDamage, WholeOlderFileIsAuthentic) {
  VaultOnDisk disk;
  const Bytes older = read_bytes(disk.with("a", "", "1").path());
  disk.open().replace_secret("a", "", secret_of("2"));
  write_bytes(disk.path(), older);
  EXPECT_EQ(text_of(disk.open().secret("a")), "1");
}

// The bindings of one record, for someone who could even make the MAC come out right.
class Binding {
 public:
  [[nodiscard]] std::optional<Kind> opening(const Entry& changed) const {
    return opening(changed, id, record);
  }
  [[nodiscard]] std::optional<Kind> opening(const Entry& as, const VaultId& in,
                                            const SealedRecord& from) const {
    return kind_of([&] { open_secret(key, in, from, as, "vault"); });
  }

  DataKey key = DataKey::random();
  VaultId id{std::byte{1}};
  Entry entry{.name = "github", .scope = "api.github.com", .version = 3, .created = {}, .rotated = {}};
  SealedRecord record = seal_record(key, id, entry, secret_of("ghp_1"));
};

TEST(VaultRecord, OpensAsWhatItWasSealedAs) {
  const Binding binding;
  EXPECT_EQ(text_of(open_secret(binding.key, binding.id, binding.record, binding.entry, "vault")), "ghp_1");
}

TEST(VaultRecord, SecretMovedToAnotherNameIsRefused) {
  const Binding binding;
  Entry entry = binding.entry;
  entry.name = "gitlab";
  EXPECT_EQ(binding.opening(entry), Kind::corrupt);
}

TEST(VaultRecord, SecretMovedToAnotherScopeIsRefused) {
  const Binding binding;
  Entry entry = binding.entry;
  entry.scope = "api.evil.example";
  EXPECT_EQ(binding.opening(entry), Kind::corrupt);
}

TEST(VaultRecord, SecretMovedToAnotherVersionOrTimeIsRefused) {
  const Binding binding;
  Entry entry = binding.entry;
  entry.version = 4;
  EXPECT_EQ(binding.opening(entry), Kind::corrupt);
  entry = binding.entry;
  entry.rotated += std::chrono::seconds(1);
  EXPECT_EQ(binding.opening(entry), Kind::corrupt);
}

// Name and scope are told apart by their lengths, not by where one seems to end.
TEST(VaultRecord, LetterMovedFromScopeToNameIsRefused) {
  const Binding binding;
  Entry entry = binding.entry;
  entry.name = "githuba";
  entry.scope = "pi.github.com";
  EXPECT_EQ(binding.opening(entry), Kind::corrupt);
}

TEST(VaultRecord, RecordMovedToAnotherVaultIsRefused) {
  const Binding binding;
  const VaultId other{std::byte{2}};
  EXPECT_EQ(binding.opening(binding.entry, other, binding.record), Kind::corrupt);
  EXPECT_EQ(kind_of([&] { open_entry(binding.key, other, binding.record, "vault", "record 1"); }),
            Kind::corrupt);
}

TEST(VaultRecord, EntryDoesNotOpenAsASecretNorASecretAsAnEntry) {
  const Binding binding;
  const SealedRecord swapped{.entry = binding.record.secret, .secret = binding.record.entry};
  EXPECT_EQ(binding.opening(binding.entry, binding.id, swapped), Kind::corrupt);
  EXPECT_EQ(kind_of([&] { open_entry(binding.key, binding.id, swapped, "vault", "record 1"); }),
            Kind::corrupt);
}

}  // namespace
}  // namespace standin::vault::test
