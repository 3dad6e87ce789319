#include "broker/broker.h"

#include "tests/broker/broker_fixture.h"
#include "tests/read_text.h"

namespace standin::broker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class BrokerTest : public BrokerRun {
 protected:
  BrokerTest() { add("github", {"api.github.com"}, {}, "real-token"); }
};

// --- letting through ---

TEST_F(BrokerTest, SwapsAndRecordsAUseAndItsEnd) {
  start();
  bearer("api.github.com", "/user?page=2");
  EXPECT_EQ(authorization(), "Bearer real-token");
  EXPECT_THAT(log(), ElementsAre("use github header:Authorization GET https://api.github.com /user?page=…"));
  end(200);
  ASSERT_THAT(log(), testing::SizeIs(2));
  EXPECT_EQ(log()[1], "use_done github header:Authorization GET https://api.github.com /user?page=… 200");
  const auto done = entries()[1];
  EXPECT_EQ(done.of, entries()[0].seq);
  EXPECT_EQ(done.request_bytes, 7U);
  EXPECT_EQ(done.bytes, 11U);
  EXPECT_EQ(done.duration_us, 13U);
}

TEST_F(BrokerTest, RecordsAnEndWithoutAStatus) {
  start();
  bearer().end(0, "upstream_unreachable");
  EXPECT_EQ(log().back(),
            "use_done github header:Authorization GET https://api.github.com / upstream_unreachable");
}

TEST_F(BrokerTest, RecordsNothingOfARequestWithoutAStandIn) {
  start();
  request("api.github.com", "/", {{"Authorization", "Bearer own"}, {"Accept", "*/*"}});
  EXPECT_EQ(authorization(), "Bearer own");
  EXPECT_THAT(log(), IsEmpty());
}

TEST_F(BrokerTest, RecordsEachUseOfARequest) {
  add("key", {"api.github.com"}, {"query:key"}, "k&");
  start();
  const std::string token = stand_in(0);
  request("api.github.com", "/?key=" + stand_in(1), {{"Authorization", token}, {"X-Api-Key", token}});
  EXPECT_EQ(head_.target, "/?key=k%26");
  EXPECT_THAT(log(), ElementsAre("use github header:Authorization GET https://api.github.com /?key=…",
                                 "use github header:X-Api-Key GET https://api.github.com /?key=…",
                                 "use key query:key GET https://api.github.com /?key=…"));
  end(404);
  EXPECT_THAT(log(), testing::SizeIs(6));
  EXPECT_EQ(entries()[5].of, entries()[2].seq);
}

TEST_F(BrokerTest, NeverWritesAStandInOrASecretToTheLog) {
  add("telegram", {"api.telegram.org"}, {"path"}, "1:AAsecret");
  start();
  request("api.telegram.org", "/bot" + stand_in(1) + "/x" + stand_in(0) + "?y=" + stand_in(0), {});
  EXPECT_EQ(head_.target, "/bot1%3AAAsecret/x" + stand_in(0) + "?y=" + stand_in(0));
  end(200);
  bearer("api.telegram.org", "/" + stand_in(1));
  for (const auto& entry : entries()) {
    EXPECT_THAT(entry.line, Not(HasSubstr("secret")));
    EXPECT_THAT(entry.line, Not(HasSubstr(stand_in(0))));
    EXPECT_THAT(entry.line, Not(HasSubstr(stand_in(1))));
  }
}

// --- refusing ---

TEST_F(BrokerTest, RecordsARefusalAndReportsItsKindOnce) {
  add("stripe", {"api.stripe.com"}, {}, "sk");
  start();
  for (int i = 0; i < 3; ++i) {
    bearer("api.stripe.com", "/v1?a=b");
    EXPECT_EQ(code(), "wrong_origin");
    EXPECT_EQ(authorization(), "Bearer " + stand_in());
  }
  EXPECT_EQ(
      log(),
      std::vector<std::string>(
          3, "refused github header:Authorization GET https://api.stripe.com /v1?a=… 403 wrong_origin"));
  EXPECT_THAT(reported_, ElementsAre("wrong_origin"));
}

TEST_F(BrokerTest, EndsAUseWhoseSecretThePlaceCannotCarry) {
  add("broken", {"api.github.com"}, {"path", "header:X-Broken"}, "a\nb");
  start();
  const std::string value = "Bearer " + stand_in(1);
  request("api.github.com", "/" + stand_in(0), {{"Authorization", value}, {"X-Broken", stand_in(0)}});
  EXPECT_EQ(code(), "secret_unusable");
  EXPECT_EQ(refusal_->status, 502U);
  EXPECT_EQ(authorization(), value) << "the head is as it was";
  const auto lines = log();
  ASSERT_THAT(lines, testing::SizeIs(7));
  EXPECT_EQ(lines[4], "use_done broken header:X-Broken GET https://api.github.com /… secret_unusable");
  EXPECT_EQ(lines[6], "refused broken header:X-Broken GET https://api.github.com /… 502 secret_unusable");
}

TEST_F(BrokerTest, RecordsWhatTheProxyRefuses) {
  start();
  const auto at = origin("api.github.com");
  broker_->on_refused(&at, "GET", "/x?token=1", {502, "upstream_tls", "the certificate expired", ""});
  broker_->on_refused(nullptr, std::string(10'000, 'M'), "\r\n\xff" + stand_in(),
                      {400, "bad_request", "m", ""});
  broker_->on_refused(&at, "CONNECT", "api.github.com:443", {407, "proxy_auth", "m", ""});
  EXPECT_THAT(log(), ElementsAre("refused GET https://api.github.com /x?token=… 502 upstream_tls",
                                 "refused " + std::string(64, 'M') + " %0D%0A%FF… 400 bad_request",
                                 "refused CONNECT https://api.github.com api.github.com:443 407 proxy_auth"));
  EXPECT_THAT(reported_, ElementsAre("upstream_tls", "bad_request"));
}

TEST_F(BrokerTest, RecordsTunnels) {
  start();
  EXPECT_FALSE(broker_->on_tunnel(origin("example.org:8443"), nullptr));
  EXPECT_THAT(log(), ElementsAre("tunnel https://example.org:8443"));
}

TEST_F(BrokerTest, RecordsTheAddressOfATunnelWhoseNameIsOnlyAClaim) {
  start();
  const auto address = proxy::IpAddress::parse("203.0.113.7");
  EXPECT_FALSE(broker_->on_tunnel(origin("bank.example"), &*address));
  EXPECT_THAT(log(), ElementsAre("tunnel https://bank.example address 203.0.113.7"));
}

TEST_F(BrokerTest, InterceptsBoundOriginsOnly) {
  add("wild", {"*.example.com", "api.github.com"}, {}, "w");
  start();
  EXPECT_EQ(broker_->handling(origin("api.github.com")), proxy::Handling::intercept);
  EXPECT_EQ(broker_->handling(origin("a.b.example.com")), proxy::Handling::intercept);
  for (const auto* host :
       {"github.com", "api.github.com:8443", "example.com", "api.github.com.evil.example"}) {
    EXPECT_EQ(broker_->handling(origin(host)), proxy::Handling::tunnel) << host;
  }
  EXPECT_THAT(broker_->bound_origins(), testing::SizeIs(2)) << "each once";
}

TEST_F(BrokerTest, AsksTheEgressRules) {
  start(EgressMode::locked);
  EXPECT_FALSE(broker_->check_origin(origin("api.github.com")));
  EXPECT_EQ(broker_->check_origin(origin("example.org")).value().code, "egress_denied");
  EXPECT_TRUE(broker_->check_address(origin("api.github.com"), *proxy::IpAddress::parse("169.254.169.254")));
}

// --- following the vault ---

TEST_F(BrokerTest, UsesARotatedSecretFromTheNextRequestOn) {
  start();
  bearer().end(200);
  rotate("github", "newer");
  bearer();
  EXPECT_EQ(authorization(), "Bearer newer");
}

TEST_F(BrokerTest, FollowsAnEditedScope) {
  add("other", {"api.stripe.com"}, {}, "o");
  start();
  edit("github", {"api.stripe.com"}, {"header:X-Mine"});
  bearer();
  EXPECT_EQ(code(), "wrong_origin");
  bearer("api.stripe.com");
  EXPECT_EQ(code(), "wrong_site");
  request("api.stripe.com", "/", {{"X-Mine", stand_in()}});
  EXPECT_EQ(head_.fields[0].value, "real-token");
}

TEST_F(BrokerTest, KeepsDecryptingWhatItsAuthorityWasMadeFor) {
  start();
  edit("github", {"api.stripe.com"}, {});
  bearer();
  EXPECT_EQ(broker_->handling(origin("api.github.com")), proxy::Handling::intercept);
  EXPECT_EQ(broker_->handling(origin("api.stripe.com")), proxy::Handling::tunnel);
}

TEST_F(BrokerTest, RefusesARemovedCredentialUntilItIsBack) {
  start();
  remove("github");
  bearer();
  EXPECT_EQ(code(), "denied_by_rule");
  EXPECT_EQ(refusal_->status, 403U);
  EXPECT_EQ(log().back(),
            "refused github header:Authorization GET https://api.github.com / 403 denied_by_rule");
  bearer("example.org");
  EXPECT_EQ(code(), "wrong_origin") << "its last scope still holds";
  add("github", {"api.github.com"}, {}, "again");
  bearer();
  EXPECT_EQ(authorization(), "Bearer again");
}

TEST_F(BrokerTest, RefusesUsesWhileTheVaultCannotBeRead) {
  start();
  bearer().end(200);
  const std::string good = test::read_text(root_ / "vault");
  std::string bad = good;
  bad[bad.size() / 2] = static_cast<char>(bad[bad.size() / 2] ^ 1);
  overwrite_vault(bad);
  for (int i = 0; i < 2; ++i) {
    bearer();
    EXPECT_EQ(code(), "secret_unusable");
    EXPECT_EQ(refusal_->status, 502U);
    EXPECT_EQ(authorization(), "Bearer " + stand_in());
  }
  request("api.github.com", "/", {{"Accept", "*/*"}});
  EXPECT_EQ(code(), "") << "a request without a stand-in needs no vault";
  overwrite_vault(good);
  bearer();
  EXPECT_EQ(authorization(), "Bearer real-token");
}

TEST_F(BrokerTest, RefusesUsesWhileThereIsNoVault) {
  start();
  bearer().end(200);
  std::filesystem::rename(root_ / "vault", root_ / "taken-away");
  bearer();
  EXPECT_EQ(code(), "secret_unusable");
  EXPECT_EQ(authorization(), "Bearer " + stand_in());
  std::filesystem::rename(root_ / "taken-away", root_ / "vault");
  bearer();
  EXPECT_EQ(authorization(), "Bearer real-token");
}

TEST_F(BrokerTest, RefusesUsesOfAScopeItCannotRead) {
  start();
  vault_->replace_scope("github", "{}");
  bearer();
  EXPECT_EQ(code(), "secret_unusable");
  bearer();
  EXPECT_EQ(code(), "secret_unusable") << "not only at the first look";
  edit("github", {"api.github.com"}, {});
  bearer();
  EXPECT_EQ(authorization(), "Bearer real-token");
}

// --- the log cannot be written ---

TEST_F(BrokerTest, LetsNothingGoThatItCannotRecord) {
  start();
  bearer().end(200);
  break_log();
  bearer();
  EXPECT_EQ(code(), "audit_unavailable");
  EXPECT_EQ(refusal_->status, 503U);
  bearer();
  EXPECT_EQ(code(), "audit_unavailable") << "not only at the first look";
  EXPECT_EQ(authorization(), "Bearer " + stand_in()) << "by then nothing is swapped";
  EXPECT_EQ(broker_->on_tunnel(origin("example.org"), nullptr).value().code, "audit_unavailable");
  EXPECT_THAT(reported_, ElementsAre("audit_unavailable"));
  mend_log();
  bearer();
  EXPECT_EQ(authorization(), "Bearer real-token");
  EXPECT_FALSE(broker_->on_tunnel(origin("example.org"), nullptr));
}

TEST_F(BrokerTest, WritesTheEndItOwesBeforeTheNextUse) {
  start();
  bearer();
  break_log();
  end(201);
  EXPECT_THAT(reported_, ElementsAre("audit_unavailable"));
  bearer();
  EXPECT_EQ(code(), "audit_unavailable");
  mend_log();
  bearer("api.github.com", "/next");
  EXPECT_EQ(code(), "");
  EXPECT_THAT(log(), ElementsAre("use github header:Authorization GET https://api.github.com /",
                                 "use_done github header:Authorization GET https://api.github.com / 201",
                                 "refused github header:Authorization GET https://api.github.com / 503 "
                                 "audit_unavailable",
                                 "use github header:Authorization GET https://api.github.com /next"));
  EXPECT_EQ(entries()[1].of, entries()[0].seq);
  EXPECT_TRUE(verify_audit(audit_folder_, vault_->derive_key("audit")).intact());
}

TEST_F(BrokerTest, SettlesWhatItOwesAtTheEnd) {
  start();
  bearer();
  break_log();
  end(200);
  EXPECT_THROW(broker_->settle(), Error);
  mend_log();
  broker_->settle();
  EXPECT_THAT(log(), testing::SizeIs(2));
  broker_->settle();
  EXPECT_THAT(log(), testing::SizeIs(2));
}

TEST_F(BrokerTest, CountsTheRefusalsPastWhatItCanKeep) {
  start();
  bearer().end(200);
  break_log();
  for (int i = 0; i < 1003; ++i) broker_->on_refused(nullptr, "GET", "/", {400, "bad_request", "m", ""});
  mend_log();
  broker_->settle();
  const auto lines = log();
  ASSERT_EQ(lines.size(), 2U + 1000U + 1U);
  EXPECT_EQ(lines.back(), "refused audit_unavailable: 3 more refusals while the log could not be written");
}

TEST_F(BrokerTest, WorksWithoutAnyoneToReportTo) {
  vault::Vault vault = open_vault();
  AuditLog audit(audit_folder_, vault.derive_key("audit"), AuditLog::new_run_id());
  broker::Broker quiet(
      {.credentials = {}, .egress = EgressMode::guarded, .allowed_networks = {}, .report = {}},
      std::move(vault), audit);
  EXPECT_TRUE(quiet.stand_ins().empty());
  quiet.on_refused(nullptr, "GET", "/", {400, "bad_request", "m", ""});
  EXPECT_THAT(log(), ElementsAre("refused GET / 400 bad_request"));
}

}  // namespace
}  // namespace standin::broker
