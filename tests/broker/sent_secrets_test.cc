#include "broker/sent_secrets.h"

#include "tests/broker/scrubber_fixture.h"

namespace standin::broker {
namespace {

/// Secrets on their way to origins, and what becomes of a text that comes back from there.
class SentSecretsTest : public testing::Test {
 public:
  static proxy::Origin origin(std::string_view host) {
    return proxy::Origin::from_authority(proxy::Scheme::https, host).value();
  }
  SentSecretsTest& note(std::string_view host, std::size_t index, std::uint64_t version,
                        std::string_view secret, std::string_view stand_in) {
    sent_.note(origin(host), index, version, vault::Secret::copy_of(std::as_bytes(std::span(secret))),
               stand_in);
    return *this;
  }
  [[nodiscard]] std::string back(std::string_view host, std::string_view text) const {
    const auto patterns = sent_.patterns(origin(host));
    if (!patterns) return "not looked at";
    const auto out = scrubbed(*patterns, text);
    return out ? text_of(*out) : std::string(text);
  }
  SentSecrets sent_;
};

TEST_F(SentSecretsTest, NothingIsLookedForBeforeItWasSent) {
  EXPECT_EQ(back("a.test", "secret-one"), "not looked at");
  note("a.test", 0, 1, "secret-one", "standin_1");
  EXPECT_EQ(back("a.test", "secret-one secret-two"), "standin_1 secret-two");
}

TEST_F(SentSecretsTest, EachOriginIsSearchedForWhatItWasSent) {
  note("a.test", 0, 1, "secret-one", "standin_1").note("b.test", 1, 1, "secret-two", "standin_2");
  EXPECT_EQ(back("a.test", "secret-one secret-two"), "standin_1 secret-two");
  EXPECT_EQ(back("b.test", "secret-one secret-two"), "secret-one standin_2");
  EXPECT_EQ(back("a.test:8443", "secret-one"), "not looked at");
}

TEST_F(SentSecretsTest, ReplacedSecretIsLookedForStill) {
  note("a.test", 0, 1, "secret-one", "standin_1").note("a.test", 0, 2, "secret-new", "standin_1");
  EXPECT_EQ(back("a.test", "secret-one secret-new"), "standin_1 standin_1");
}

TEST_F(SentSecretsTest, SecretThatIsTooShortMakesNothingToLookFor) {
  note("a.test", 0, 1, "short", "standin_1");
  EXPECT_EQ(back("a.test", "short"), "not looked at");
  note("a.test", 1, 1, "long enough", "standin_2");
  EXPECT_EQ(back("a.test", "short, long enough"), "short, standin_2");
}

TEST_F(SentSecretsTest, VaultThatChangesElsewhereAddsNothing) {
  note("a.test", 0, 1, "secret/one", "standin_1");
  const auto before = sent_.patterns(origin("a.test"));
  for (std::uint64_t version = 2; version < 10; ++version)
    note("a.test", 0, version, "secret/one", "standin_1");
  EXPECT_EQ(sent_.patterns(origin("a.test")), before);
}

TEST_F(SentSecretsTest, PatternsThatWereHandedOutStay) {
  note("a.test", 0, 1, "secret-one", "standin_1");
  const auto before = sent_.patterns(origin("a.test"));
  note("a.test", 1, 1, "secret-two", "standin_2");
  EXPECT_FALSE(scrubbed(*before, "secret-two"));
  EXPECT_TRUE(scrubbed(*before, "secret-one"));
}

TEST_F(SentSecretsTest, SpaceIsAllThatBasicFormChanges) {
  note("a.test", 0, 1, "two words", "standin_1");
  EXPECT_NE(back("a.test", "dTp0d28rd29yZHM="), "dTp0d28rd29yZHM=") << "u:two+words";
}

TEST_F(SentSecretsTest, SecretIsFoundInBase64AsBasicAndAsBasicFormHaveIt) {
  note("a.test", 0, 1, "p/+= %\"secret", "standin_1");
  const std::string raw = "dTpwLys9ICUic2VjcmV0";                 // u:p/+= %"secret
  const std::string form = "dTpwJTJGJTJCJTNEKyUyNSUyMnNlY3JldA";  // u:p%2F%2B%3D+%25%22secret
  for (const std::string& sent : {raw, form}) {
    const std::string got = back("a.test", sent);
    EXPECT_EQ(got.substr(0, 2), "dT");
    EXPECT_NE(got.substr(got.size() - 8), sent.substr(sent.size() - 8));
    EXPECT_NE(got, sent);
  }
}

}  // namespace
}  // namespace standin::broker
