#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>

#include <csignal>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/vault/vault_fixture.h"
#include "vault/private_file.h"
#include "vault/save_steps.h"

namespace standin::vault::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Kind = Error::Kind;

int steps_left = 0;

/// Runs `act` in a child that is killed at its step number `step`. Whether it was: false, when `act` has no
/// so many steps and completed.
bool is_killed_at_step(int step, const std::function<void()>& act) {
  const int status = wait_status_of([&] {
    steps_left = step;
    on_save_step = [](const char*) {
      if (steps_left-- == 0) ::raise(SIGKILL);
    };
    act();
  });
  if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGKILL;
  EXPECT_EQ(WEXITSTATUS(status), 0);
  return false;
}

TEST(VaultSave, KilledAtAnyStepLeavesTheOldOrTheNew) {
  VaultOnDisk disk;
  disk.with("a", "", "old");
  const std::string large(300'000, 'n');  // several pieces: killed in the middle of a write too
  int step = 0;
  bool replaced = false;
  while (is_killed_at_step(step, [&] { disk.open().replace_secret("a", "", secret_of(large)); })) {
    const std::string found = text_of(disk.open().secret("a"));
    ASSERT_TRUE(found == "old" || found == large) << step;
    ASSERT_FALSE(replaced && found == "old") << "a later step brought the old one back: " << step;
    replaced = found == large;
    ++step;
  }
  EXPECT_GE(step, 13);
  EXPECT_TRUE(replaced) << "no step after the rename was killed";
  EXPECT_THAT(names_in(disk.path().parent_path()), ElementsAre("vault", "vault.lock"));
}

TEST(VaultSave, KilledAtAnyStepOfItsMakingLeavesNoVaultOrOneThatOpens) {
  int step = 0;
  while (true) {
    const TemporaryFolder folder;
    const KeyFile key{.path = folder / "keys/key"};
    if (!is_killed_at_step(step, [&] { Vault::create(folder / "vault", key); })) break;
    const auto kind = kind_of([&] { EXPECT_TRUE(Vault::open(folder / "vault", key).entries().empty()); });
    EXPECT_TRUE(!kind || kind == Kind::missing) << step;
    ++step;
  }
  EXPECT_GE(step, 9);
}

TEST(VaultSave, KeyFileOfAKilledInitIsExplained) {
  const TemporaryFolder folder;
  const KeyFile key{.path = folder / "key"};
  int step = 0;
  while (!std::filesystem::exists(key.path))
    ASSERT_TRUE(is_killed_at_step(step++, [&] { Vault::create(folder / "vault", key); }));
  ASSERT_FALSE(std::filesystem::exists(folder / "vault"));
  const auto error = error_of([&] { Vault::create(folder / "vault", key); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), Kind::exists);
  EXPECT_EQ(error->what(), "key file " + key.path.native() + " is there already");
  EXPECT_THAT(error->hint(), HasSubstr("move it away"));
}

TEST(VaultSave, WhatAKilledSaveLeftIsGoneAfterTheNext) {
  VaultOnDisk disk;
  const std::string large(300'000, 'n');
  int step = 0;
  while (!std::filesystem::exists(disk.path().native() + ".new"))
    ASSERT_TRUE(is_killed_at_step(step++, [&] { disk.open().add("a", "", secret_of(large)); }));
  disk.with("b", "", "1");
  EXPECT_THAT(names_in(disk.path().parent_path()), ElementsAre("vault", "vault.lock"));
  EXPECT_EQ(text_of(disk.open().secret("b")), "1");
}

TEST(VaultSave, AddsOfManyProcessesAtOnceLoseNothing) {
  constexpr int processes = 4;
  constexpr int each = 8;
  const VaultOnDisk disk;
  std::vector<pid_t> children;
  for (int p = 0; p < processes; ++p) {
    const pid_t child = ::fork();
    if (child == 0) {
      const auto failed = error_of([&] {
        Vault vault = disk.open();
        for (int i = 0; i < each; ++i)
          vault.add("p" + std::to_string(p) + "." + std::to_string(i), "", secret_of(std::to_string(i)));
      });
      ::_exit(failed ? 1 : 0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  const Vault vault = disk.open();
  EXPECT_EQ(vault.entries().size(), static_cast<std::size_t>(processes * each));
  EXPECT_EQ(text_of(vault.secret("p3.7")), "7");
}

TEST(VaultSave, AddsOfTwoThreadsWithTheirOwnObjectsLoseNothing) {
  const VaultOnDisk disk;
  const auto add_ten = [&](const std::string& prefix) {
    Vault vault = disk.open();
    for (int i = 0; i < 10; ++i) vault.add(prefix + std::to_string(i), "", secret_of("s"));
  };
  std::thread other([&] { add_ten("a"); });
  add_ten("b");
  other.join();
  EXPECT_EQ(disk.open().entries().size(), 20u);
}

TEST(VaultSave, OfTwoInitsAtOnceOneIsRefusedAndTheVaultOpens) {
  const TemporaryFolder folder;
  const auto init = [&](const char* key) { Vault::create(folder / "vault", KeyFile{.path = folder / key}); };
  std::optional<Kind> first;
  std::thread other([&] { first = kind_of([&] { init("key1"); }); });
  const auto second = kind_of([&] { init("key2"); });
  other.join();
  EXPECT_TRUE((!first && second == Kind::exists) || (first == Kind::exists && !second));
  EXPECT_TRUE(
      Vault::open(folder / "vault", KeyFile{.path = folder / (first ? "key2" : "key1")}).entries().empty());
  EXPECT_FALSE(std::filesystem::exists(folder / (first ? "key1" : "key2")));
}

// A file size limit stands in for the full disk: the same failure of the same write, and it needs no mount.
TEST(VaultSave, FullDiskIsAClearErrorAndKeepsTheOldVault) {
  VaultOnDisk disk;
  const std::string before = read_text(disk.with("a", "", "old").path());
  const TemporaryFolder reports;
  const int status = exit_status_of([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    Vault vault = disk.open();
    const rlimit small{.rlim_cur = 70'000, .rlim_max = RLIM_INFINITY};
    if (::setrlimit(RLIMIT_FSIZE, &small) != 0) ::_exit(1);
    const auto error = error_of([&] { vault.add("b", "", secret_of(std::string(200'000, 'n'))); });
    if (!error || vault.find("b") || text_of(vault.secret("a")) != "old") ::_exit(2);
    write_text(reports / "error", std::string(error->what()) + "\n" + error->hint());
    ::_exit(exit_status_for(error->kind()));
  });
  EXPECT_EQ(status, exit_status_for(Kind::io));
  EXPECT_EQ(
      read_text(reports / "error"),
      "writing " + disk.path().native() +
          ".new failed: file too large\nraise the limit on file sizes (ulimit -f); the vault is as it was");
  EXPECT_EQ(read_text(disk.path()), before);
  EXPECT_THAT(names_in(disk.path().parent_path()), ElementsAre("vault", "vault.lock"));
}

TEST(VaultSave, InitOnAFullDiskLeavesNeitherVaultNorKey) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "keys");
  const int status = exit_status_of([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{.rlim_cur = 60, .rlim_max = RLIM_INFINITY};  // room for the key, not for the vault
    if (::setrlimit(RLIMIT_FSIZE, &small) != 0) ::_exit(1);
    Vault::create(folder / "vault", KeyFile{.path = folder / "keys/key"});
  });
  EXPECT_EQ(status, exit_status_for(Kind::io));
  EXPECT_THAT(names_in(folder.path()), ElementsAre("keys", "vault.lock"));
  EXPECT_THAT(names_in(folder / "keys"), ElementsAre());
}

TEST(VaultSave, ReadOnlyFolderIsAClearErrorAndStillReadable) {
  VaultOnDisk disk;
  disk.with("a", "", "old");
  std::filesystem::remove(disk.path().native() + ".lock");
  const int status = exit_status_as_ordinary_user(disk.folder.path(), [&] {
    if (::chmod(disk.path().parent_path().c_str(), 0500) != 0) ::_exit(1);
    Vault vault = disk.open();
    if (text_of(vault.secret("a")) != "old") ::_exit(2);
    vault.add("b", "", secret_of("new"));
  });
  EXPECT_EQ(status, exit_status_for(Kind::io));
  EXPECT_THAT(names_in(disk.path().parent_path()), ElementsAre("vault"));
}

TEST(VaultSave, SymbolicLinkIsFollowedAndStaysALink) {
  VaultOnDisk disk;
  const auto link = disk.folder / "link";
  std::filesystem::create_symlink("data/vault", link);
  Vault vault = Vault::open(link, disk.key());
  vault.add("a", "", secret_of("1"));
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_EQ(text_of(disk.open().secret("a")), "1");
  EXPECT_FALSE(vault.changed_on_disk());
  disk.open().remove("a");
  EXPECT_TRUE(vault.changed_on_disk());
  EXPECT_THAT(names_in(disk.folder.path()), ElementsAre("data", "keys", "link"));
}

TEST(VaultSave, DanglingLinkIsMissingAndInitMakesItsTarget) {
  const TemporaryFolder folder;
  std::filesystem::create_symlink("real", folder / "vault");
  const KeyFile key{.path = folder / "key"};
  EXPECT_EQ(kind_of([&] { Vault::open(folder / "vault", key); }), Kind::missing);
  Vault::create(folder / "vault", key);
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "vault"));
  EXPECT_TRUE(std::filesystem::is_regular_file(folder / "real"));
}

TEST(VaultSave, LinkInPlaceOfTheTemporaryFileIsNotWrittenThrough) {
  VaultOnDisk disk;
  write_text(disk.folder / "victim", "mine");
  std::filesystem::create_symlink(disk.folder / "victim", disk.path().native() + ".new");
  disk.with("a", "", "1");
  EXPECT_EQ(read_text(disk.folder / "victim"), "mine");
  EXPECT_FALSE(std::filesystem::is_symlink(disk.path()));
}

TEST(VaultSave, LinkInPlaceOfTheLockFileIsRefused) {
  const VaultOnDisk disk;
  std::filesystem::remove(disk.path().native() + ".lock");
  std::filesystem::create_symlink(disk.folder / "victim", disk.path().native() + ".lock");
  EXPECT_EQ(kind_of([&] { disk.open().add("a", "", secret_of("1")); }), Kind::io);
  EXPECT_FALSE(std::filesystem::exists(disk.folder / "victim"));
}

TEST(VaultSave, WaitsForTheHolderOfTheLock) {
  VaultOnDisk disk;
  const Descriptor lock(::open((disk.path().native() + ".lock").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(lock.get(), LOCK_EX), 0);
  std::atomic<bool> added = false;
  std::thread other([&] {
    disk.open().add("a", "", secret_of("1"));
    added = true;
  });
  // Whatever the timing, nothing may be added before the lock is given up.
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(disk.open().entries().empty());
  EXPECT_FALSE(added);
  ASSERT_EQ(::flock(lock.get(), LOCK_UN), 0);
  other.join();
  EXPECT_EQ(text_of(disk.open().secret("a")), "1");
}

TEST(VaultSave, FilesAndFoldersArePrivateWhateverTheUmask) {
  for (const mode_t mask : {mode_t{0}, mode_t{0077}}) {
    const mode_t old = ::umask(mask);
    const TemporaryFolder folder;
    const KeyFile key{.path = folder / "k/e/y/key"};
    Vault::create(folder / "v/a/vault", key).add("a", "", secret_of("1"));
    ::umask(old);
    for (const char* file : {"v/a/vault", "v/a/vault.lock", "k/e/y/key"})
      EXPECT_EQ(mode_of(folder / file), 0600u) << file;
    for (const char* made : {"v", "v/a", "k", "k/e", "k/e/y"})
      EXPECT_EQ(mode_of(folder / made), 0700u) << made;
  }
}

TEST(VaultSave, LeavesNoDescriptorThatAChildWouldInherit) {
  VaultOnDisk disk;
  Vault vault = disk.with("a", "", "1").open();
  vault.add("b", "", secret_of("2"));
  for (int fd = 3; fd < 64; ++fd) {
    std::error_code none;
    const auto target = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), none);
    if (none || !target.native().starts_with(disk.folder.path().native())) continue;
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0) << target;
  }
}

}  // namespace
}  // namespace standin::vault::test
