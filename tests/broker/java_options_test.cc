#include "broker/java_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace standin::broker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;

// What these say of the JVM, tests/clients/environment_test.py has from a JVM.

TEST(JavaWords, AreSplitAtWhiteSpaceOutsideOfQuotes) {
  EXPECT_THAT(java_words(" -Xmx1g\t-Da=\"x  y\"\n-Db='it''s' "),
              Optional(ElementsAre("-Xmx1g", "-Da=x  y", "-Db=its")));
  EXPECT_THAT(java_words(R"(-Da="it's" -Db='"' -Dc=\"d\")"),
              Optional(ElementsAre("-Da=it's", "-Db=\"", "-Dc=\\d\\")));
  EXPECT_THAT(java_words("''"), Optional(ElementsAre("")));
  EXPECT_THAT(java_words("  "), Optional(IsEmpty()));
}

TEST(JavaWords, AreNoneWhereAQuoteStaysOpen) {
  EXPECT_FALSE(java_words("-Da=\"x"));
  EXPECT_FALSE(java_words("-Da=\"it's' more"));
}

TEST(JavaQuoted, IsReadAsItWas) {
  for (const char* text :
       {"plain", "a b", "it's", "say \"so\"", "\"", "''\"\" '", "new\nline", "back\\slash"}) {
    EXPECT_THAT(java_words(java_quoted(text)), Optional(ElementsAre(text)));
  }
  EXPECT_EQ(java_quoted("/run/standin/roots.p12"), "/run/standin/roots.p12");
}

TEST(JavaTrustStore, IsTheLastThatIsNamed) {
  const auto store =
      java_trust_store({"-Djavax.net.ssl.trustStore=/a", "-Djavax.net.ssl.trustStorePassword=one",
                        "-Djavax.net.ssl.trustStore=/b c", "-Djavax.net.ssl.trustStoreType=jks",
                        "-Djavax.net.ssl.trustStoreProvider=SUN", "-Dx=-Djavax.net.ssl.trustStore=/d"});
  EXPECT_EQ(store.file, "/b c");
  EXPECT_EQ(store.type, "jks");
  EXPECT_EQ(store.provider, "SUN");
  EXPECT_EQ(store.password, "one");
}

TEST(JavaTrustStore, HasNoPasswordWhereItIsEmpty) {
  EXPECT_FALSE(java_trust_store({"-Djavax.net.ssl.trustStorePassword="}).password);
}

}  // namespace
}  // namespace standin::broker
