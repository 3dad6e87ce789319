#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/broker/broker_fixture.h"

// How a request ended is written later than it ended: with what is written next, or when the proxy's turn
// ends.

namespace standin::broker {
namespace {

using testing::ElementsAre;

class BrokerTurn : public BrokerRun {
 protected:
  BrokerTurn() {
    add("github", {"api.github.com"}, {}, "real-token");
    start();
  }
  void finish() { exchange_->finished({200, 7, 11, std::chrono::microseconds(13), ""}); }
  /// Events with their paths or codes alone.
  [[nodiscard]] std::vector<std::string> events() const {
    std::vector<std::string> all;
    for (const AuditEntry& entry : entries())
      all.push_back(entry.event + " " + (entry.reason.empty() ? entry.path : entry.reason));
    return all;
  }
  [[nodiscard]] bool is_intact() const {
    return verify_audit(audit_folder_, vault_->derive_key("audit")).intact();
  }
};

TEST_F(BrokerTurn, AnEndIsWrittenInFrontOfTheNextUse) {
  bearer("api.github.com", "/1");
  finish();
  EXPECT_THAT(events(), ElementsAre("use /1"));
  bearer("api.github.com", "/2");
  EXPECT_THAT(events(), ElementsAre("use /1", "use_done /1", "use /2"));
  EXPECT_EQ(entries()[1].of, entries()[0].seq);
  EXPECT_TRUE(is_intact());
}

TEST_F(BrokerTurn, ItsEndWritesWhatNothingElseHas) {
  bearer("api.github.com", "/1");
  auto first = std::move(exchange_);
  bearer("api.github.com", "/2");
  finish();
  first->finished({404, 0, 0, std::chrono::microseconds(1), ""});
  EXPECT_THAT(events(), ElementsAre("use /1", "use /2"));
  broker_->on_turn_end();
  EXPECT_THAT(events(), ElementsAre("use /1", "use /2", "use_done /2", "use_done /1"));
  EXPECT_EQ(entries()[2].of, 2U);
  EXPECT_EQ(entries()[3].of, 1U);
  broker_->on_turn_end();
  EXPECT_EQ(events().size(), 4U) << "once";
  EXPECT_TRUE(is_intact());
}

TEST_F(BrokerTurn, RefusalsAndTunnelsComeBehindTheEndsBeforeThem) {
  bearer("api.github.com", "/1");
  finish();
  bearer("example.org", "/2");
  bearer("api.github.com", "/3");
  finish();
  EXPECT_FALSE(broker_->on_tunnel(origin("example.org"), nullptr));
  EXPECT_THAT(events(), ElementsAre("use /1", "use_done /1", "refused wrong_origin", "use /3", "use_done /3",
                                    "tunnel "));
  EXPECT_TRUE(is_intact());
}

TEST_F(BrokerTurn, TheRunsEndWritesWhatNothingElseHas) {
  bearer("api.github.com", "/1");
  finish();
  broker_->settle();
  EXPECT_THAT(events(), ElementsAre("use /1", "use_done /1"));
}

TEST_F(BrokerTurn, WhatWasPutOffIsNotLostWhileTheLogCannotBeWritten) {
  bearer("api.github.com", "/1");
  finish();
  break_log();
  broker_->on_turn_end();
  EXPECT_THAT(reported_, ElementsAre("audit_unavailable"));
  bearer("api.github.com", "/2");
  EXPECT_EQ(code(), "audit_unavailable");
  EXPECT_EQ(authorization(), "Bearer " + stand_in());
  mend_log();
  bearer("api.github.com", "/3");
  EXPECT_EQ(authorization(), "Bearer real-token");
  EXPECT_THAT(events(), ElementsAre("use /1", "use_done /1", "refused audit_unavailable", "use /3"));
  EXPECT_TRUE(is_intact());
}

TEST_F(BrokerTurn, WhatIsBookedIsWrittenWhenTheFirstOfItIsCommitted) {
  commits_ = false;
  std::vector<std::unique_ptr<proxy::Exchange>> turn;
  for (const auto* target : {"/1", "/2", "/3"}) {
    bearer("api.github.com", target);
    EXPECT_EQ(exchange_->recording(), turn.empty() ? proxy::Recording::now : proxy::Recording::with_others);
    turn.push_back(std::move(exchange_));
  }
  EXPECT_THAT(events(), ElementsAre());
  EXPECT_EQ(turn[1]->commit(), std::nullopt);
  EXPECT_THAT(events(), ElementsAre("use /1", "use /2", "use /3"));
  for (const auto& exchange : turn) {
    if (exchange != turn[1]) {
      EXPECT_EQ(exchange->commit(), std::nullopt);
    }
    EXPECT_EQ(exchange->recording(), proxy::Recording::done);
    exchange->finished({200, 0, 0, std::chrono::microseconds(1), ""});
  }
  broker_->on_turn_end();
  ASSERT_EQ(events().size(), 6U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(entries()[3 + i].of, entries()[i].seq);
  EXPECT_TRUE(is_intact());
}

TEST_F(BrokerTurn, ItsEndLeavesTheWriteToACommitThatIsStillToCome) {
  bearer("api.github.com", "/1");
  finish();
  commits_ = false;
  bearer("api.github.com", "/2");
  broker_->on_turn_end();
  EXPECT_THAT(events(), ElementsAre("use /1"));
  EXPECT_EQ(exchange_->commit(), std::nullopt);
  EXPECT_THAT(events(), ElementsAre("use /1", "use_done /1", "use /2"));
  finish();
  broker_->on_turn_end();
  EXPECT_THAT(events(), ElementsAre("use /1", "use_done /1", "use /2", "use_done /2"));
}

TEST_F(BrokerTurn, WhatIsBookedKeepsItsPlaceBehindWhatIsOwed) {
  bearer("api.github.com", "/1");
  finish();
  commits_ = false;
  bearer("api.github.com", "/2");
  auto second = std::move(exchange_);
  EXPECT_FALSE(broker_->on_tunnel(origin("example.org"), nullptr));
  EXPECT_THAT(events(), ElementsAre("use /1", "use_done /1", "use /2", "tunnel "));
  EXPECT_EQ(second->commit(), std::nullopt);
  second->finished({200, 0, 0, std::chrono::microseconds(1), ""});
  broker_->on_turn_end();
  EXPECT_EQ(entries().back().of, entries()[2].seq);
}

TEST_F(BrokerTurn, AUseThatCannotBeCommittedStandsInTheLogAsRefused) {
  commits_ = false;
  bearer("api.github.com", "/1");
  break_log();
  commit();
  EXPECT_EQ(code(), "audit_unavailable");
  for (int i = 0; i < 100; ++i) {
    bearer("api.github.com", "/2");
    EXPECT_EQ(code(), "audit_unavailable") << "nothing more is booked";
  }
  mend_log();
  bearer("api.github.com", "/3");
  EXPECT_EQ(authorization(), "Bearer real-token");
  const auto all = events();
  ASSERT_EQ(all.size(), 102U);
  EXPECT_EQ(entries()[0].credential, "github");
  EXPECT_EQ(entries()[0].path, "/1");
  EXPECT_EQ(std::ranges::count(all, "refused audit_unavailable"), 101);
  EXPECT_EQ(all.back(), "use /3");
  EXPECT_TRUE(is_intact());
}

TEST_F(BrokerTurn, AChangedVaultIsSeenByTheNextTurnAlsoBehindAFailedCommit) {
  commits_ = false;
  bearer("api.github.com", "/1");
  rotate("github", "new-token");
  commit();
  bearer("api.github.com", "/2");
  EXPECT_EQ(authorization(), "Bearer new-token");
  break_log();
  commit();
  EXPECT_EQ(code(), "audit_unavailable");
  mend_log();
  remove("github");
  bearer("api.github.com", "/3");
  EXPECT_EQ(code(), "denied_by_rule") << "no longer in the vault";
}

TEST_F(BrokerTurn, WhatIsNeverCommittedKeepsNobodyFromLookingAtTheVaultAgain) {
  commits_ = false;
  bearer("api.github.com", "/1");
  exchange_.reset();
  remove("github");
  bearer("api.github.com", "/2");
  EXPECT_EQ(code(), "denied_by_rule") << "no longer in the vault";
  EXPECT_EQ(events().front(), "use /1") << "and its place in the log is filled";
  EXPECT_TRUE(is_intact());
}

TEST_F(BrokerTurn, AKillBeforeItsEndLosesTheEndAndNoUse) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (const auto* target : {"/1", "/2", "/3"}) {
      bearer("api.github.com", target);
      finish();
    }
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_THAT(events(), ElementsAre("use /1", "use_done /1", "use /2", "use_done /2", "use /3"));
  EXPECT_TRUE(is_intact());
}

}  // namespace
}  // namespace standin::broker
