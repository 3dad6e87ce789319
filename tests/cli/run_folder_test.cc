#include "cli/run_folder.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include <gtest/gtest.h>

#include "cli/error.h"
#include "tests/temporary_folder.h"

namespace standin::cli::test {
namespace {

using standin::test::TemporaryFolder;
namespace fs = std::filesystem;

struct RunFolders : ::testing::Test {
  TemporaryFolder temporary;
  fs::path base = fs::path(temporary.path()) / "standin";

  /// What a run that was killed leaves behind: the folder with a file, and nobody who holds it.
  fs::path killed_run(const std::string& id) const {
    const pid_t pid = ::fork();
    if (pid == 0) {
      const RunFolder folder(base, id);
      std::ofstream(folder.path() / "ca.pem") << "authority";
      fs::create_directory(folder.path() / "php");
      ::_exit(0);
    }
    ::waitpid(pid, nullptr, 0);
    return base / ("run-" + id);
  }
};

TEST_F(RunFolders, AreForTheirUserAlone) {
  const RunFolder folder(base, "abc");
  for (const fs::path& path : {base, folder.path()}) {
    EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_all) << path;
  }
  EXPECT_EQ(folder.path(), base / "run-abc");
}

TEST_F(RunFolders, GoWithTheirFiles) {
  {
    const RunFolder folder(base, "abc");
    std::ofstream(folder.path() / "ca.pem") << "authority";
    fs::create_directory(folder.path() / "php");
  }
  EXPECT_TRUE(fs::is_empty(base));
}

TEST_F(RunFolders, OfKilledRunsAreRemovedByTheNext) {
  const fs::path dead = killed_run("dead");
  ASSERT_TRUE(fs::exists(dead / "ca.pem"));
  const RunFolder folder(base, "next");
  EXPECT_FALSE(fs::exists(dead));
  EXPECT_TRUE(fs::exists(folder.path()));
}

TEST_F(RunFolders, OfLiveRunsAreLeftAlone) {
  const RunFolder first(base, "first");
  std::ofstream(first.path() / "ca.pem") << "authority";
  const RunFolder second(base, "second");
  EXPECT_TRUE(fs::exists(first.path() / "ca.pem"));
}

TEST_F(RunFolders, NeverBelongToTwoRuns) {
  const RunFolder first(base, "same");
  EXPECT_THROW(RunFolder(base, "same"), Error);
  EXPECT_TRUE(fs::exists(first.path()));
}

TEST_F(RunFolders, LeaveEverythingElseInTheBaseAlone) {
  fs::create_directories(base / "other");
  fs::permissions(base, fs::perms::owner_all);
  const RunFolder folder(base, "abc");
  EXPECT_TRUE(fs::exists(base / "other"));
}

TEST_F(RunFolders, AreNotFollowedWhereTheyAreLinks) {
  const TemporaryFolder precious;
  precious.file("keep", "me", 0600);
  killed_run("dead");
  fs::create_directory_symlink(precious.path(), base / "run-link");
  fs::create_directory_symlink(precious.path(), base / "run-dead2");
  fs::create_directory_symlink(precious.path(), base / "run-mine");
  EXPECT_THROW(RunFolder(base, "mine"), Error);
  const fs::path dead = killed_run("dead3");
  fs::create_directory_symlink(precious.path(), dead / "inside");
  const RunFolder folder(base, "next");
  EXPECT_FALSE(fs::exists(dead));
  EXPECT_TRUE(fs::exists(fs::path(precious.path()) / "keep"));
}

TEST_F(RunFolders, RefuseABaseThatOthersCanWriteTo) {
  fs::create_directories(base);
  fs::permissions(base, fs::perms::all);
  EXPECT_THROW(RunFolder(base, "abc"), Error);
}

TEST_F(RunFolders, RefuseABaseThatIsALink) {
  const TemporaryFolder elsewhere;
  fs::create_directory_symlink(elsewhere.path(), base);
  EXPECT_THROW(RunFolder(base, "abc"), Error);
}

TEST_F(RunFolders, RefuseIdsThatAreNoNames) {
  for (const char* id : {"", "../x", "a/b"}) EXPECT_THROW(RunFolder(base, id), Error) << id;
  EXPECT_FALSE(fs::exists(base));
}

TEST_F(RunFolders, OfManyRunsAtOnceAreAllMade) {
  // Every start clears up after the others while they make theirs.
  std::vector<pid_t> runs;
  for (int run = 0; run < 8; ++run) {
    runs.push_back(::fork());
    if (runs.back() != 0) continue;
    for (int i = 0; i < 50; ++i) {
      const RunFolder folder(base, std::to_string(run) + "-" + std::to_string(i));
      std::ofstream(folder.path() / "file") << "x";
      if (!fs::exists(folder.path() / "file")) ::_exit(1);
    }
    ::_exit(0);
  }
  for (const pid_t run : runs) {
    int status = -1;
    ::waitpid(run, &status, 0);
    EXPECT_EQ(status, 0);
  }
  const RunFolder last(base, "last");
  EXPECT_EQ(std::distance(fs::directory_iterator(base), {}), 1);
}

}  // namespace
}  // namespace standin::cli::test
