#include "broker/child_java.h"

#include <sys/stat.h>

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/java_keystore.h"
#include "proxy/java_truststore.h"
#include "tests/read_text.h"
#include "tests/temporary_folder.h"
#include "tests/test_pki.h"

namespace standin::broker {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;
using testing::SizeIs;

class ChildJava : public testing::Test {
 protected:
  ChildJava() {
    facts_.folder = root_ / "run";
    fs::create_directory(facts_.folder);
    facts_.warn = [this](const std::string& message, const std::string&) { warnings_.push_back(message); };
  }

  void run(Environment parent) {
    child_ = std::move(parent);
    set_java(child_, facts_, root_.file("roots.pem", pki_.ca_pem()));
  }
  std::string operator[](std::string_view name) const {
    for (const auto& [n, v] : child_)
      if (n == name) return v;
    return "(not set)";
  }
  [[nodiscard]] std::string ours() const {
    return "-Djavax.net.ssl.trustStore=" + (facts_.folder / "roots.p12").string() +
           " -Djavax.net.ssl.trustStoreType=PKCS12";
  }
  [[nodiscard]] auto held() const {
    return proxy::trusted_in_java_keystore(test::read_text(facts_.folder / "roots.p12"), std::nullopt);
  }
  /// A trust store of the parent's with one certificate in it.
  std::string store(std::string_view name) {
    return root_.file(name, proxy::java_truststore(pki_.make_certificate({"corp.example"}).pem()));
  }

  test::TemporaryFolder root_;
  test::TestPki pki_;
  RunFacts facts_;
  Environment child_;
  std::vector<std::string> warnings_;
};

TEST_F(ChildJava, TrustsWhatIsInTheRoots) {
  run({});
  EXPECT_EQ(child_, (Environment{{"JAVA_TOOL_OPTIONS", ours()}}));
  EXPECT_THAT(held(), Optional(SizeIs(1)));
}

TEST_F(ChildJava, KeepsTheParentsOptions) {
  run({{"JAVA_TOOL_OPTIONS", "-Xmx1g -Da='b c'"}, {"JDK_JAVA_OPTIONS", "-Xss1m"}});
  EXPECT_EQ((*this)["JAVA_TOOL_OPTIONS"], "-Xmx1g -Da='b c' " + ours());
  EXPECT_EQ((*this)["JDK_JAVA_OPTIONS"], "-Xss1m");
}

TEST_F(ChildJava, QuotesAFolderWithSpaces) {
  facts_.folder = root_ / "it's a run";
  fs::create_directory(facts_.folder);
  run({});
  EXPECT_EQ((*this)["JAVA_TOOL_OPTIONS"],
            "\"-Djavax.net.ssl.trustStore=" + (facts_.folder / "roots.p12").string() +
                "\" -Djavax.net.ssl.trustStoreType=PKCS12");
}

TEST_F(ChildJava, TrustsWhatTheParentsStoreHolds) {
  run({{"JAVA_TOOL_OPTIONS", "-Djavax.net.ssl.trustStore=" + store("corp.p12")}});
  EXPECT_THAT(held(), Optional(SizeIs(2)));
  EXPECT_THAT((*this)["JAVA_TOOL_OPTIONS"], testing::EndsWith("corp.p12 " + ours()));
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(ChildJava, GivesItsStoreToTheVariableThatCountsMore) {
  run({{"JAVA_TOOL_OPTIONS", "-Djavax.net.ssl.trustStore=/none"},
       {"_JAVA_OPTIONS", "-Djavax.net.ssl.trustStore=" + store("corp.p12")},
       {"JDK_JAVA_OPTIONS", "-Djavax.net.ssl.trustStore=/none -Djavax.net.ssl.trustStoreProvider=X"}});
  for (const char* name : {"JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS"})
    EXPECT_THAT((*this)[name], testing::EndsWith(ours() + " -Djavax.net.ssl.trustStoreProvider=")) << name;
  EXPECT_THAT(held(), Optional(SizeIs(2)));
}

TEST_F(ChildJava, TrustsTheRunAloneWhereTheParentsStoreIsMissing) {
  run({{"JAVA_TOOL_OPTIONS", "-Djavax.net.ssl.trustStore=" + (root_ / "missing").string()}});
  EXPECT_THAT(held(), Optional(SizeIs(1)));
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(ChildJava, LeavesAStoreAloneThatItCannotRead) {
  ASSERT_EQ(mkfifo((root_ / "pipe").c_str(), 0600), 0);
  const std::string name = "-Djavax.net.ssl.trustStore=";
  for (const std::string& options :
       {name + root_.file("other", "no key store"), name + (root_ / "pipe").string(), name + "NONE",
        name + store("corp.p12") + " -Djavax.net.ssl.trustStoreType=BCFKS"}) {
    warnings_.clear();
    run({{"JDK_JAVA_OPTIONS", options}});
    EXPECT_EQ(child_, (Environment{{"JDK_JAVA_OPTIONS", options}}));
    EXPECT_FALSE(fs::exists(facts_.folder / "roots.p12"));
    EXPECT_THAT(warnings_,
                ElementsAre(HasSubstr("the trust store that JDK_JAVA_OPTIONS names can't be read")));
  }
}

TEST_F(ChildJava, LeavesOptionsAloneThatNoJvmStartsWith) {
  run({{"JAVA_TOOL_OPTIONS", "-Da=\"b"}});
  EXPECT_EQ((*this)["JAVA_TOOL_OPTIONS"], "-Da=\"b");
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(ChildJava, WritesAFileThatOnlyTheUserCanRead) {
  const mode_t mask = umask(0);
  run({});
  umask(mask);
  EXPECT_EQ(fs::status(facts_.folder / "roots.p12").permissions(), fs::perms(0600));
}

}  // namespace
}  // namespace standin::broker
