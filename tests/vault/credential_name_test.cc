#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/vault/vault_fixture.h"

namespace standin::vault::test {
namespace {

using testing::HasSubstr;
using Kind = Error::Kind;

TEST(CredentialName, TakesLettersDigitsDotsDashesAndUnderscores) {
  for (const std::string& name : {std::string("github"), std::string("a"), std::string("0"),
                                  std::string("A.b_c-9"), std::string(100, 'x')})
    EXPECT_NO_THROW(check_name(name)) << name;
}

TEST(CredentialName, RefusesAllElse) {
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("../x"), std::string("a/b"),
        std::string("-rf"), std::string("_x"), std::string("a b"), std::string("a\n"), std::string("a\0b", 3),
        std::string("caf\xc3\xa9"), std::string(101, 'x'), std::string(10'000, 'x'),
        std::string("a\x1b[2J")}) {
    const auto error = error_of([&] { check_name(name); });
    ASSERT_TRUE(error) << name;
    EXPECT_EQ(error->kind(), Kind::bad_name);
    EXPECT_LT(std::string_view(error->what()).size(), 400u);
    EXPECT_THAT(error->hint(), HasSubstr("1 to 100"));
    const VaultOnDisk disk;
    EXPECT_EQ(kind_of([&] { disk.open().add(name, "", secret_of("s")); }), Kind::bad_name);
    EXPECT_TRUE(disk.open().entries().empty());
  }
}

TEST(CredentialName, HostileBytesAreShownEscapedAndCut) {
  const auto escaped = error_of([&] { check_name("a\x1b[2J\n\xff"); });
  ASSERT_TRUE(escaped);
  EXPECT_STREQ(escaped->what(), "credential name \"a\\x1b[2J\\x0a\\xff\" is not allowed");
  const auto cut = error_of([&] { check_name(std::string(10'000, 'x')); });
  ASSERT_TRUE(cut);
  EXPECT_THAT(cut->what(), HasSubstr("xxx...\" is not allowed"));
}

TEST(CredentialName, NameThatIsLookedForIsEscapedToo) {
  const VaultOnDisk disk;
  const auto error = error_of([&] { (void)disk.open().secret("a\nb"); });
  ASSERT_TRUE(error);
  EXPECT_STREQ(error->what(), "no credential named \"a\\x0ab\"");
  EXPECT_EQ(error->hint(), "");
}

}  // namespace
}  // namespace standin::vault::test
