#include "broker/child_node.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/read_text.h"
#include "tests/temporary_folder.h"

namespace standin::broker {
namespace {

namespace fs = std::filesystem;

class ChildNode : public testing::Test {
 protected:
  std::string options(Environment parent, std::string_view folder = "run") {
    facts_.folder = root_ / folder;
    fs::create_directory(facts_.folder);
    set_node_preload(parent, facts_);
    EXPECT_EQ(parent.back().first, "NODE_OPTIONS");
    return parent.back().second;
  }
  [[nodiscard]] std::string file() const { return (facts_.folder / "node_preload.cjs").string(); }

  test::TemporaryFolder root_;
  RunFacts facts_;
};

TEST_F(ChildNode, RequiresTheModuleThatIsInTheSource) {
  const auto set = options({});
  EXPECT_EQ(set, "--require " + file());
  const auto source = test::read_text(STANDIN_SOURCE_DIR "/broker/node_preload.cjs");
  EXPECT_GT(source.size(), 1000U);
  EXPECT_EQ(test::read_text(file()), source);
  EXPECT_EQ(fs::status(file()).permissions(), fs::perms(0600));
}

TEST_F(ChildNode, KeepsTheParentsOptions) {
  const std::string own = "--max-old-space-size=4096 --require \"/a b.cjs\"";
  const auto extended = options({{"A", "b"}, {"NODE_OPTIONS", own}});
  EXPECT_EQ(extended, own + " --require " + file());
  const auto of_none = options({{"NODE_OPTIONS", ""}}, "other");
  EXPECT_EQ(of_none, "--require " + file());
}

TEST_F(ChildNode, QuotesAFolderAsNodeReadsIt) {
  EXPECT_EQ(options({}, "a \"b\\c"),
            "--require \"" + (root_ / "a \\\"b\\\\c").string() + "/node_preload.cjs\"");
}

TEST_F(ChildNode, IsLedOnlyWhereTheRunSaysSo) {
  facts_.proxy_url = "http://standin:pw@127.0.0.1:4321";
  const auto is_set = [&](NodePreload preload) {
    fs::remove_all(facts_.folder = root_ / "run");
    fs::create_directory(facts_.folder);
    facts_.node_preload = preload;
    const auto child = child_environment({}, facts_);
    return std::ranges::find(child, "NODE_OPTIONS", &Environment::value_type::first) != child.end();
  };
  EXPECT_FALSE(is_set(RunFacts().node_preload));
  EXPECT_TRUE(is_set(NodePreload::yes));
  facts_.proxy_url.clear();
  EXPECT_FALSE(is_set(NodePreload::yes));
}

}  // namespace
}  // namespace standin::broker
