#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/broker/audit_fixture.h"

namespace standin::broker {
namespace {

using namespace test;

/// Follows a log on a thread of its own.
class Following {
 public:
  explicit Following(const TestLog& log, AuditFilter filter = {}) {
    if (::pipe(stop_) != 0) throw std::runtime_error("pipe");
    thread_ = std::jthread([this, folder = log.folder(), filter = std::move(filter)] {
      follow_audit(folder, filter, stop_[0], [this](const AuditEntry& entry) { return note(entry); });
    });
  }
  Following(const Following&) = delete;
  Following& operator=(const Following&) = delete;
  ~Following() {
    stop();
    ::close(stop_[0]);
  }
  void stop() {
    if (stop_[1] >= 0) ::close(std::exchange(stop_[1], -1));
    if (thread_.joinable()) thread_.join();
  }

  /// "1 2": the seqs seen once there are `count`; or what there is after ten seconds, which fails the test.
  std::string seqs(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 10s, [&] { return seen_.size() >= count; });
    std::string all;
    for (const auto seq : seen_) all += (all.empty() ? "" : " ") + std::to_string(seq);
    return all;
  }

 private:
  bool note(const AuditEntry& entry) {
    const std::lock_guard lock(mutex_);
    seen_.push_back(entry.seq);
    changed_.notify_all();
    return true;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::uint64_t> seen_;
  int stop_[2];
  std::jthread thread_;
};

TEST(AuditFollow, WhatIsThereComesFirstAndThenWhatIsWritten) {
  const TestLog log;
  auto run = log.open();
  run.append(event("run_started"));
  Following following(log);
  EXPECT_EQ(following.seqs(1), "1");
  run.append(event("use"));
  EXPECT_EQ(following.seqs(2), "1 2");
  run.append(event("run_ended"));
  EXPECT_EQ(following.seqs(3), "1 2 3");
}

TEST(AuditFollow, ALogThatIsNotThereYetIsWaitedFor) {
  const TestLog log;
  Following following(log);
  auto run = log.open();
  run.append(event("run_started"));
  EXPECT_EQ(following.seqs(1), "1");
}

TEST(AuditFollow, GoesOnOverMidnight) {
  const TestLog log;
  TimedChain chain(log, run_at(at(23h)));
  chain.write(at(23h), "run_started");
  Following following(log);
  EXPECT_EQ(following.seqs(1), "1");
  chain.write(at(25h), "use");
  EXPECT_EQ(following.seqs(2), "1 2");
  TimedChain(log, run_at(at(23h), 1)).write(at(23h), "credential_added");  // one that was late
  EXPECT_EQ(following.seqs(3), "1 2 1");
  chain.write(at(49h), "use").write(at(73h), "run_ended");
  EXPECT_EQ(following.seqs(5), "1 2 1 3 4");
}

TEST(AuditFollow, TheFilterHolds) {
  const TestLog log;
  TimedChain chain(log, run_at(at(1h)));
  chain.write(at(1h), "run_started");
  auto refused = event("refused");
  refused.reason = "wrong_origin";
  AuditFilter filter;
  filter.outcome = "refused";
  filter.since = at(2h);
  Following following(log, filter);
  chain.write(at(1h), refused).write(at(3h), "use").write(at(3h), refused);
  EXPECT_EQ(following.seqs(1), "4");
}

TEST(AuditFollow, ALineIsHandedOutWhenItIsWhole) {
  const TestLog log;
  write_run(log, 0);
  const auto whole = log.bytes();
  log.cut_off(200);
  Following following(log);
  EXPECT_EQ(following.seqs(1), "1");
  log.append_text(whole.substr(whole.size() - 200));
  EXPECT_EQ(following.seqs(2), "1 2");
}

TEST(AuditFollow, AFileMadeAnewIsReadFromItsBeginning) {
  const TestLog log;
  auto run = log.open();
  run.append(event("run_started"));
  Following following(log);
  EXPECT_EQ(following.seqs(1), "1");
  std::filesystem::remove(log.file());
  run.append(event("use"));
  EXPECT_EQ(following.seqs(2), "1 2");
}

TEST(AuditFollow, EndsWhenItIsToldTo) {
  const TestLog log;
  write_run(log, 1);
  Following following(log);
  EXPECT_EQ(following.seqs(3), "1 2 3");
  following.stop();
  write_run(log, 1);
  EXPECT_EQ(following.seqs(3), "1 2 3");
}

TEST(AuditFollow, EndsWhenNoMoreIsWanted) {
  const TestLog log;
  write_run(log, 5);
  int stop[2];
  ASSERT_EQ(::pipe(stop), 0);
  int seen = 0;
  follow_audit(log.folder(), {}, stop[0], [&](const AuditEntry&) { return ++seen < 2; });
  EXPECT_EQ(seen, 2);
  ::close(stop[0]);
  ::close(stop[1]);
}

TEST(AuditFollow, AFolderTakenAwayIsAnError) {
  const TestLog log;
  write_run(log, 0);
  int stop[2];
  ASSERT_EQ(::pipe(stop), 0);
  const auto follow = [&] {
    follow_audit(log.folder(), {}, stop[0], [&](const AuditEntry&) {
      std::filesystem::remove_all(log.folder());
      return true;
    });
  };
  EXPECT_THROW(follow(), Error);
  ::close(stop[0]);
  ::close(stop[1]);
}

}  // namespace
}  // namespace standin::broker
