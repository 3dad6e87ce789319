#include "vault/vault.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/vault/vault_fixture.h"

namespace standin::vault::test {
namespace {

using testing::HasSubstr;
using Kind = Error::Kind;

std::vector<std::string> names(const Vault& vault) {
  std::vector<std::string> names;
  for (const Entry& entry : vault.entries()) names.push_back(entry.name);
  return names;
}

TEST(Vault, BeginsEmptyWithOneKeyFileSlot) {
  const VaultOnDisk disk;
  EXPECT_TRUE(disk.open().entries().empty());
  EXPECT_EQ(Vault::slots(disk.path()), std::vector{SlotKind::key_file});
  EXPECT_EQ(disk.open().path(), disk.path());
}

TEST(Vault, KeepsSecretsAndScopesAcrossProcesses) {
  VaultOnDisk disk;
  disk.with("github", R"({"origins":["api.github.com"]})", "ghp_x").with("brave", "{}", "BSA");
  const Vault vault = disk.open();
  EXPECT_EQ(text_of(vault.secret("github")), "ghp_x");
  EXPECT_EQ(text_of(vault.secret("brave")), "BSA");
  EXPECT_EQ(vault.find("github")->scope, R"({"origins":["api.github.com"]})");
  EXPECT_FALSE(vault.find("gitlab"));
}

TEST(Vault, ListsEntriesByName) {
  VaultOnDisk disk;
  disk.with("b", "", "1").with("C", "", "2").with("a", "", "3").with("a.b", "", "4");
  EXPECT_EQ(names(disk.open()), (std::vector<std::string>{"C", "a", "a.b", "b"}));
}

TEST(Vault, StoresAnyBytesExactly) {
  VaultOnDisk disk;
  std::string all(Vault::max_secret_bytes, '\0');
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<char>(i * 7 + i / 256);
  for (const std::string& bytes :
       {std::string("\0", 1), std::string("a\0b\r\nc\n", 7), std::string("\n"), all}) {
    disk.with("x", "", bytes);
    EXPECT_TRUE(text_of(disk.open().secret("x")) == bytes) << bytes.size();
    disk.open().remove("x");
  }
}

TEST(Vault, RefusesAnEmptyAndATooLargeSecret) {
  VaultOnDisk disk;
  disk.with("x", "", "old");
  Vault vault = disk.open();
  const Secret large(Vault::max_secret_bytes + 1);
  EXPECT_EQ(kind_of([&] { vault.add("y", "", Secret()); }), Kind::bad_secret);
  EXPECT_EQ(kind_of([&] { vault.add("y", "", large); }), Kind::bad_secret);
  EXPECT_EQ(kind_of([&] { vault.replace_secret("x", "", Secret()); }), Kind::bad_secret);
  EXPECT_EQ(kind_of([&] { vault.replace_secret("x", "", large); }), Kind::bad_secret);
  EXPECT_EQ(kind_of([&] { vault.add("y", std::string(Vault::max_scope_bytes + 1, 'x'), secret_of("s")); }),
            Kind::bad_secret);
  EXPECT_EQ(names(disk.open()), std::vector<std::string>{"x"});
}

TEST(Vault, RefusesToGrowOverItsBound) {
  // Cheaper than 64 saves: encoding checks the bound before a byte is written.
  VaultFile file;
  for (int i = 0; i < 64; ++i)
    file.records.push_back({.entry = Bytes(71), .secret = Bytes(Vault::max_secret_bytes + sealing_overhead)});
  EXPECT_EQ(kind_of([&] { encode_vault_file(file, DataKey::random()); }), Kind::bad_secret);
}

TEST(Vault, AddingATakenNameIsRefusedAndKeepsTheOld) {
  VaultOnDisk disk;
  disk.with("x", "scope", "old");
  const auto error = error_of([&] { disk.open().add("x", "", secret_of("new")); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), Kind::exists);
  EXPECT_STREQ(error->what(), "there is a credential named \"x\" already");
  EXPECT_EQ(text_of(disk.open().secret("x")), "old");
}

TEST(Vault, WhatIsNotThereIsNamedWithAHint) {
  const VaultOnDisk disk;
  Vault vault = disk.open();
  const auto error = error_of([&] { (void)vault.secret("github"); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), Kind::not_found);
  EXPECT_STREQ(error->what(), "no credential named \"github\"");
  EXPECT_EQ(error->hint(), "add it with 'standin add github'");
  EXPECT_EQ(kind_of([&] { vault.remove("x"); }), Kind::not_found);
  EXPECT_EQ(kind_of([&] { vault.rename("x", "y"); }), Kind::not_found);
  EXPECT_EQ(kind_of([&] { vault.replace_scope("x", ""); }), Kind::not_found);
  EXPECT_EQ(kind_of([&] { vault.replace_secret("x", "", secret_of("s")); }), Kind::not_found);
}

TEST(Vault, RotatingChangesTheSecretAndCountsOne) {
  VaultOnDisk disk;
  const auto before = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  disk.with("x", "s1", "old");
  Vault vault = disk.open();
  const Entry first = *vault.find("x");
  EXPECT_EQ(first.version, 1u);
  EXPECT_GE(first.created, before);
  EXPECT_EQ(first.created, first.rotated);
  vault.replace_secret("x", "s2", secret_of("new"));
  EXPECT_EQ(text_of(vault.secret("x")), "new");
  const Vault again = disk.open();
  EXPECT_EQ(text_of(again.secret("x")), "new");
  EXPECT_EQ(again.find("x")->scope, "s2");
  EXPECT_EQ(again.find("x")->version, 2u);
  EXPECT_EQ(again.find("x")->created, first.created);
  EXPECT_GE(again.find("x")->rotated, first.rotated);
}

TEST(Vault, ReplacingTheScopeKeepsTheSecretAndTheRotationTime) {
  VaultOnDisk disk;
  disk.with("x", "s1", "secret");
  Vault vault = disk.open();
  const Entry first = *vault.find("x");
  vault.replace_scope("x", "s2");
  EXPECT_EQ(text_of(vault.secret("x")), "secret");
  const Vault again = disk.open();
  EXPECT_EQ(text_of(again.secret("x")), "secret");
  EXPECT_EQ(again.find("x")->scope, "s2");
  EXPECT_EQ(again.find("x")->version, 2u);
  EXPECT_EQ(again.find("x")->rotated, first.rotated);
}

TEST(Vault, RenamingMovesTheSecretAlong) {
  VaultOnDisk disk;
  disk.with("a", "sa", "1").with("m", "sm", "2").with("z", "sz", "3");
  disk.open().rename("a", "zz");
  const Vault vault = disk.open();
  EXPECT_EQ(names(vault), (std::vector<std::string>{"m", "z", "zz"}));
  EXPECT_EQ(text_of(vault.secret("zz")), "1");
  EXPECT_EQ(vault.find("zz")->scope, "sa");
  EXPECT_EQ(text_of(vault.secret("z")), "3");
}

TEST(Vault, RenamingOntoATakenNameIsRefused) {
  VaultOnDisk disk;
  disk.with("a", "", "1").with("b", "", "2");
  Vault vault = disk.open();
  EXPECT_EQ(kind_of([&] { vault.rename("a", "b"); }), Kind::exists);
  EXPECT_EQ(kind_of([&] { vault.rename("a", "a"); }), Kind::exists);
  EXPECT_EQ(kind_of([&] { vault.rename("a", "../b"); }), Kind::bad_name);
  EXPECT_EQ(text_of(disk.open().secret("b")), "2");
}

TEST(Vault, RemovingLeavesTheOthers) {
  VaultOnDisk disk;
  disk.with("a", "", "1").with("b", "", "2").with("c", "", "3");
  disk.open().remove("b");
  const Vault vault = disk.open();
  EXPECT_EQ(names(vault), (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(text_of(vault.secret("c")), "3");
}

TEST(Vault, FileShowsNeitherNamesNorScopesNorSecrets) {
  VaultOnDisk disk;
  disk.with("visible-name", "visible-scope", "visible-secret");
  const std::string file = read_text(disk.path());
  EXPECT_THAT(file, HasSubstr("standin vault"));
  EXPECT_THAT(file, Not(HasSubstr("visible")));
}

TEST(Vault, SameContentIsSealedDifferentlyEachTime) {
  VaultOnDisk disk;
  disk.with("a", "", "same");
  const VaultFile first = parse_vault_file(read_bytes(disk.path()), "vault");
  disk.open().replace_secret("a", "", secret_of("same"));
  const VaultFile second = parse_vault_file(read_bytes(disk.path()), "vault");
  EXPECT_NE(Bytes(first.records[0].secret.begin(), first.records[0].secret.begin() + 24),
            Bytes(second.records[0].secret.begin(), second.records[0].secret.begin() + 24));
}

TEST(Vault, ViewStaysAsItWasUntilItIsReloaded) {
  VaultOnDisk disk;
  disk.with("a", "", "1");
  Vault running = disk.open();
  EXPECT_FALSE(running.changed_on_disk());
  disk.open().replace_secret("a", "", secret_of("2"));
  EXPECT_TRUE(running.changed_on_disk());
  EXPECT_EQ(text_of(running.secret("a")), "1");
  running.reload();
  EXPECT_FALSE(running.changed_on_disk());
  EXPECT_EQ(text_of(running.secret("a")), "2");
}

// A file system gives a freed inode number to the next file: of two saves in a row, the second one's file
// could pass for the one that was read, having its size, and on a coarse clock its time.
TEST(Vault, NoticesTwoQuickChangesEvenUnderTheSameTime) {
  VaultOnDisk disk;
  disk.with("a", "", "0");
  Vault writer = disk.open();
  for (int i = 0; i < 20; ++i) {
    const Vault running = disk.open();
    const auto time = std::filesystem::last_write_time(disk.path());
    writer.replace_secret("a", "", secret_of("1"));
    ASSERT_FALSE(writer.changed_on_disk()) << i;
    writer.replace_secret("a", "", secret_of("2"));
    std::filesystem::last_write_time(disk.path(), time);
    ASSERT_TRUE(running.changed_on_disk()) << i;
    writer.reload();
  }
}

TEST(Vault, ChangeAppliesToWhatAnotherProcessMadeOfTheFile) {
  VaultOnDisk disk;
  disk.with("a", "", "1");
  Vault stale = disk.open();
  disk.with("b", "", "2").open().remove("a");
  EXPECT_EQ(kind_of([&] { stale.replace_scope("a", "x"); }), Kind::not_found);
  stale.add("c", "", secret_of("3"));
  EXPECT_EQ(names(stale), (std::vector<std::string>{"b", "c"}));
  EXPECT_EQ(names(disk.open()), (std::vector<std::string>{"b", "c"}));
}

TEST(Vault, NewScopeOfACredentialThatChangedMeanwhileIsRefused) {
  VaultOnDisk disk;
  disk.with("a", "wide", "1");
  Vault rotating = disk.open();
  Vault editing = disk.open();
  disk.open().replace_scope("a", "narrow");
  EXPECT_EQ(kind_of([&] { rotating.replace_secret("a", "wide", secret_of("2")); }), Kind::changed);
  EXPECT_EQ(kind_of([&] { editing.replace_scope("a", "wider"); }), Kind::changed);
  EXPECT_EQ(disk.open().find("a")->scope, "narrow");
  EXPECT_EQ(text_of(disk.open().secret("a")), "1");
  rotating.reload();
  rotating.replace_secret("a", "narrow", secret_of("2"));
  EXPECT_EQ(text_of(disk.open().secret("a")), "2");
}

TEST(Vault, CredentialThatWasRemovedAndAddedAgainCountsAsChanged) {
  VaultOnDisk disk;
  disk.with("a", "wide", "1");
  Vault stale = disk.open();
  disk.open().remove("a");
  disk.with("a", "narrow", "2");
  EXPECT_EQ(kind_of([&] { stale.replace_scope("a", "wide"); }), Kind::changed);
}

TEST(Vault, ReloadNeedsNoKeyFile) {
  VaultOnDisk disk;
  Vault running = disk.open();
  disk.with("a", "", "1");
  std::filesystem::remove(disk.key_path());
  running.reload();
  EXPECT_EQ(text_of(running.secret("a")), "1");
}

TEST(Vault, ReloadNoticesAVaultMadeAnewAndKeepsWhatItHeld) {
  VaultOnDisk disk;
  disk.with("a", "", "1");
  Vault running = disk.open();
  std::filesystem::remove(disk.path());
  std::filesystem::remove(disk.key_path());
  Vault::create(disk.path(), disk.key());
  EXPECT_TRUE(running.changed_on_disk());
  EXPECT_EQ(kind_of([&] { running.reload(); }), Kind::wrong_key);
  EXPECT_EQ(kind_of([&] { running.add("b", "", secret_of("2")); }), Kind::wrong_key);
  EXPECT_EQ(text_of(running.secret("a")), "1");
  EXPECT_TRUE(disk.open().entries().empty());
}

TEST(Vault, ReloadOfADamagedFileKeepsWhatItHeld) {
  VaultOnDisk disk;
  disk.with("a", "", "1");
  Vault running = disk.open();
  disk.flip_byte(disk.size() / 2);
  EXPECT_EQ(kind_of([&] { running.reload(); }), Kind::corrupt);
  EXPECT_EQ(text_of(running.secret("a")), "1");
  std::filesystem::remove(disk.path());
  EXPECT_TRUE(running.changed_on_disk()) << "to take the vault away is to revoke it";
  EXPECT_EQ(kind_of([&] { running.reload(); }), Kind::missing);
  EXPECT_EQ(kind_of([&] { running.remove("a"); }), Kind::missing);
  EXPECT_EQ(text_of(running.secret("a")), "1");
}

TEST(Vault, DerivedKeysAreStableAndDifferByContextAndVault) {
  VaultOnDisk disk;
  const Vault vault = disk.open();
  const Secret audit = vault.derive_key("audit");
  EXPECT_EQ(audit.size(), 32u);
  EXPECT_EQ(audit, disk.with("a", "", "1").open().derive_key("audit"));
  EXPECT_FALSE(audit == vault.derive_key("audi"));
  EXPECT_FALSE(audit == vault.derive_key("12345678"));
  EXPECT_FALSE(audit == VaultOnDisk().open().derive_key("audit"));
  for (const std::string_view bad :
       {std::string_view(""), std::string_view("123456789"), std::string_view("a\0", 2)})
    EXPECT_THROW((void)vault.derive_key(bad), std::invalid_argument);
}

TEST(Vault, OpensWellUnderAMillisecondWithAKeyFile) {
  VaultOnDisk disk;
  for (int i = 0; i < 10; ++i) disk.with("credential" + std::to_string(i), std::string(300, 's'), "secret");
  auto best = std::chrono::nanoseconds::max();  // of many: the machine is shared
  for (int i = 0; i < 50; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    (void)disk.open();
    best = std::min<std::chrono::nanoseconds>(best, std::chrono::steady_clock::now() - begin);
  }
  RecordProperty("microseconds", static_cast<int>(best.count() / 1000));
  EXPECT_LT(best, std::chrono::milliseconds(1));
}

}  // namespace
}  // namespace standin::vault::test
