#include <sys/socket.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/vault/vault_fixture.h"

namespace standin::vault::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Kind = Error::Kind;

TEST(VaultAccess, MissingVaultPointsToInit) {
  const TemporaryFolder folder;
  const auto error = error_of([&] { Vault::open(folder / "vault", KeyFile{.path = folder / "key"}); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), Kind::missing);
  EXPECT_EQ(error->what(), "there is no vault " + (folder / "vault").native());
  EXPECT_EQ(error->hint(), "make it with 'standin init'");
  EXPECT_EQ(kind_of([&] { (void)Vault::slots(folder / "vault"); }), Kind::missing);
  EXPECT_THAT(names_in(folder.path()), ElementsAre());
}

TEST(VaultAccess, OpenToOthersNamesTheExactChmod) {
  const VaultOnDisk disk;
  for (const mode_t mode : {0640u, 0604u, 0620u, 0602u, 0610u, 0601u, 0666u}) {
    ASSERT_EQ(::chmod(disk.path().c_str(), mode), 0);
    const auto error = disk.error_on_open();
    ASSERT_TRUE(error) << mode;
    EXPECT_EQ(error->kind(), Kind::permissions);
    EXPECT_EQ(error->what(), "vault " + disk.path().native() + " is open to other users");
    EXPECT_EQ(error->hint(), "run 'chmod 600 " + disk.path().native() + "'");
  }
  ASSERT_EQ(::chmod(disk.path().c_str(), 0400), 0);
  EXPECT_FALSE(disk.error_on_open());
}

TEST(VaultAccess, KeyFileOpenToOthersNamesTheExactChmod) {
  const VaultOnDisk disk;
  ASSERT_EQ(::chmod(disk.key_path().c_str(), 0644), 0);
  const auto error = disk.error_on_open();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), Kind::permissions);
  EXPECT_EQ(error->what(), "key file " + disk.key_path().native() + " is open to other users");
  EXPECT_EQ(error->hint(), "run 'chmod 600 " + disk.key_path().native() + "'");
}

TEST(VaultAccess, ChmodOfAStrangePathCanBePastedIntoAShell) {
  const TemporaryFolder folder;
  const auto path = folder / "it's a vault";
  write_text(path, "x");
  ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
  const auto error = error_of([&] { Vault::open(path, KeyFile{.path = folder / "key"}); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->hint(), "run 'chmod 600 '" + folder.path().native() + "/it'\\''s a vault'" + "'");
}

TEST(VaultAccess, ErrorIsOneLineWhateverThePath) {
  const TemporaryFolder folder;
  const auto error = error_of([&] { Vault::open(folder / "a\nb\x1b[2J", KeyFile{.path = folder / "key"}); });
  ASSERT_TRUE(error);
  EXPECT_THAT(error->what(), HasSubstr("a\\x0ab\\x1b[2J"));
}

// As root a file that root gave away, else a file of root's: neither is ours to read.
TEST(VaultAccess, FileOfAnotherUserIsRefusedEvenForRoot) {
  const VaultOnDisk disk;
  std::filesystem::path path = "/etc/passwd";
  if (::geteuid() == 0) {
    path = disk.path();
    ASSERT_EQ(::chown(path.c_str(), 65534, 65534), 0);
  }
  const auto error = error_of([&] { Vault::open(path, disk.key()); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), Kind::not_ours);
  EXPECT_THAT(error->what(), HasSubstr("belongs to another user (uid"));
  EXPECT_THAT(error->hint(), Not(HasSubstr("chmod")));
}

TEST(VaultAccess, KeyFileOfAnotherUserIsRefused) {
  const VaultOnDisk disk;
  std::filesystem::path path = "/etc/passwd";
  if (::geteuid() == 0) {
    path = disk.key_path();
    ASSERT_EQ(::chown(path.c_str(), 65534, 65534), 0);
  }
  EXPECT_EQ(kind_of([&] { Vault::open(disk.path(), KeyFile{.path = path}); }), Kind::not_ours);
}

TEST(VaultAccess, VaultThatItsOwnerCannotReadNamesTheChmod) {
  const VaultOnDisk disk;
  const int status = exit_status_as_ordinary_user(disk.folder.path(), [&] {
    if (::chmod(disk.path().c_str(), 0) != 0) ::_exit(1);
    (void)disk.open();
  });
  EXPECT_EQ(status, exit_status_for(Kind::permissions));
}

TEST(VaultAccess, FolderInPlaceOfTheVaultOrKeyIsSaid) {
  const VaultOnDisk disk;
  const auto vault_error = error_of([&] { Vault::open(disk.folder.path(), disk.key()); });
  ASSERT_TRUE(vault_error);
  EXPECT_EQ(vault_error->kind(), Kind::io);
  EXPECT_EQ(vault_error->what(), "vault " + disk.folder.path().native() + " is a folder");
  const auto key_error = error_of([&] { Vault::open(disk.path(), KeyFile{.path = disk.folder.path()}); });
  ASSERT_TRUE(key_error);
  EXPECT_EQ(key_error->what(), "key file " + disk.folder.path().native() + " is a folder");
  EXPECT_EQ(kind_of([&] { Vault::create(disk.folder.path(), KeyFile{.path = disk.folder / "k"}); }),
            Kind::exists);
}

TEST(VaultAccess, FifoInPlaceOfTheVaultOrKeyDoesNotHang) {
  const VaultOnDisk disk;
  const auto fifo = disk.folder / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(kind_of([&] { Vault::open(fifo, disk.key()); }), Kind::io);
  EXPECT_EQ(kind_of([&] { Vault::open(disk.path(), KeyFile{.path = fifo}); }), Kind::io);
}

TEST(VaultAccess, PathThroughAFileAndLoopOfLinksAreErrors) {
  const VaultOnDisk disk;
  EXPECT_EQ(kind_of([&] { Vault::open(disk.path() / "vault", disk.key()); }), Kind::io);
  std::filesystem::create_symlink("loop", disk.folder / "loop");
  EXPECT_EQ(kind_of([&] { Vault::open(disk.folder / "loop", disk.key()); }), Kind::io);
  EXPECT_EQ(kind_of([&] { Vault::create(disk.folder / "loop", KeyFile{.path = disk.folder / "k"}); }),
            Kind::io);
  EXPECT_EQ(kind_of([&] { Vault::create(disk.path() / "vault", KeyFile{.path = disk.folder / "k"}); }),
            Kind::io);
}

TEST(VaultAccess, InitNeverOverwritesAVaultNorAKey) {
  VaultOnDisk disk;
  const std::string vault = read_text(disk.with("a", "", "1").path());
  const std::string key = read_text(disk.key_path());
  EXPECT_EQ(kind_of([&] { Vault::create(disk.path(), KeyFile{.path = disk.folder / "other"}); }),
            Kind::exists);
  EXPECT_FALSE(std::filesystem::exists(disk.folder / "other"));
  EXPECT_EQ(kind_of([&] { Vault::create(disk.folder / "second", disk.key()); }), Kind::exists);
  EXPECT_FALSE(std::filesystem::exists(disk.folder / "second"));
  EXPECT_EQ(read_text(disk.path()), vault);
  EXPECT_EQ(read_text(disk.key_path()), key);
}

TEST(VaultAccess, KeyInPlaceOfTheVaultIsRefused) {
  const TemporaryFolder folder;
  for (const char* key : {"vault", "vault.new", "vault.lock", "./x/../vault"}) {
    EXPECT_EQ(kind_of([&] { Vault::create(folder / "vault", KeyFile{.path = folder / key}); }), Kind::exists)
        << key;
    EXPECT_FALSE(std::filesystem::exists(folder / "vault"));
  }
}

TEST(VaultAccess, RelativePathsWork) {
  const TemporaryFolder folder;
  const int status = exit_status_of([&] {
    std::filesystem::current_path(folder.path());
    Vault::create("vault", KeyFile{.path = "key"}).add("a", "", secret_of("1"));
    if (text_of(Vault::open("./vault", KeyFile{.path = "./key"}).secret("a")) != "1") ::_exit(1);
  });
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace standin::vault::test
