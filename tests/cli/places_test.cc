#include "cli/places.h"

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "cli/error.h"
#include "tests/scoped_variable.h"
#include "tests/temporary_folder.h"

namespace standin::cli {
namespace fs = std::filesystem;
namespace {

using test::ScopedVariable;

/// None of ours is set, and HOME is a folder of the test.
class PlacesTest : public testing::Test {
 protected:
  test::TemporaryFolder folder;
  ScopedVariable home{"HOME", folder.path().c_str()}, standin_home{"STANDIN_HOME", nullptr},
      data{"XDG_DATA_HOME", nullptr}, config{"XDG_CONFIG_HOME", nullptr}, state{"XDG_STATE_HOME", nullptr},
      runtime{"XDG_RUNTIME_DIR", nullptr}, audit{"STANDIN_AUDIT_DIR", nullptr},
      key{"STANDIN_KEY_FILE", nullptr}, tmp{"TMPDIR", folder.path().c_str()};

  static mode_t mode_of(const fs::path& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
  }
};

TEST_F(PlacesTest, StandinHomeHoldsAll) {
  const ScopedVariable set("STANDIN_HOME", "/s");
  const auto places = Places::find();
  EXPECT_EQ(places.vault, "/s/data/vault");
  EXPECT_EQ(places.key, "/s/config/key");
  EXPECT_EQ(places.audit, "/s/audit");
  EXPECT_EQ(places.runtime, "/s/run");
}

TEST_F(PlacesTest, ElseTheXdgFolders) {
  const ScopedVariable d("XDG_DATA_HOME", "/d"), c("XDG_CONFIG_HOME", "/c"), s("XDG_STATE_HOME", "/s");
  const ScopedVariable r("XDG_RUNTIME_DIR", folder.path().c_str());
  const auto places = Places::find();
  EXPECT_EQ(places.vault, "/d/standin/vault");
  EXPECT_EQ(places.key, "/c/standin/key");
  EXPECT_EQ(places.audit, "/s/standin/audit");
  EXPECT_EQ(places.runtime, folder.path() / "standin");
}

TEST_F(PlacesTest, ElseBelowHome) {
  const auto places = Places::find();
  EXPECT_EQ(places.vault, folder.path() / ".local/share/standin/vault");
  EXPECT_EQ(places.key, folder.path() / ".config/standin/key");
  EXPECT_EQ(places.audit, folder.path() / ".local/state/standin/audit");
  EXPECT_EQ(places.runtime, folder.path() / ("standin-" + std::to_string(::geteuid())));
}

TEST_F(PlacesTest, RelativeXdgFoldersAreIgnored) {
  const ScopedVariable set("XDG_DATA_HOME", "here");
  EXPECT_EQ(Places::find().vault, folder.path() / ".local/share/standin/vault");
}

TEST_F(PlacesTest, EmptyVariablesAreNotSet) {
  const ScopedVariable h("STANDIN_HOME", ""), a("STANDIN_AUDIT_DIR", ""), k("STANDIN_KEY_FILE", "");
  EXPECT_EQ(Places::find().vault, folder.path() / ".local/share/standin/vault");
  EXPECT_EQ(Places::find().key, folder.path() / ".config/standin/key");
}

TEST_F(PlacesTest, LogAndKeyCanBeElsewhere) {
  const ScopedVariable h("STANDIN_HOME", "/s"), a("STANDIN_AUDIT_DIR", "/volume"),
      k("STANDIN_KEY_FILE", "/ci/key");
  EXPECT_EQ(Places::find().audit, "/volume");
  EXPECT_EQ(Places::find().key, "/ci/key");
  EXPECT_EQ(Places::find().vault, "/s/data/vault");
}

TEST_F(PlacesTest, RelativePathsOfOursAreMadeAbsolute) {
  const ScopedVariable h("STANDIN_HOME", "here");
  EXPECT_EQ(Places::find().vault, fs::current_path() / "here/data/vault");
}

TEST_F(PlacesTest, ARuntimeFolderThatIsNotOursIsAsIfNotSet) {
  const ScopedVariable set("XDG_RUNTIME_DIR", "/no/such/folder");
  EXPECT_EQ(Places::find().runtime.parent_path(), folder.path());
}

TEST_F(PlacesTest, WithoutHomeThePasswdEntryCounts) {
  const ScopedVariable none("HOME", nullptr);
  EXPECT_TRUE(Places::find().vault.is_absolute());
}

TEST_F(PlacesTest, PrivateFoldersAreMadeForNobodyElse) {
  const fs::path deep = folder.path() / "a/b/c";
  make_private_folder(deep);
  EXPECT_EQ(mode_of(deep), 0700U);
  EXPECT_EQ(mode_of(folder.path() / "a"), 0700U);
  make_private_folder(deep);
}

TEST_F(PlacesTest, AFolderThatOthersCanEnterIsRefusedWithTheChmod) {
  const fs::path open = folder.path() / "open";
  fs::create_directory(open);
  ASSERT_EQ(::chmod(open.c_str(), 0755), 0);
  try {
    make_private_folder(open);
    FAIL() << "it was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.hint(), "chmod 700 " + open.native());
  }
}

TEST_F(PlacesTest, ALinkOrAFileIsNoPrivateFolder) {
  fs::create_directory(folder.path() / "target");
  ASSERT_EQ(::chmod((folder.path() / "target").c_str(), 0700), 0);
  fs::create_directory_symlink(folder.path() / "target", folder.path() / "link");
  EXPECT_THROW(make_private_folder(folder.path() / "link"), Error);
  EXPECT_THROW(make_private_folder("/dev/null"), Error);
  EXPECT_THROW(make_private_folder("/dev/null/below"), Error);
}

}  // namespace
}  // namespace standin::cli
