#include "broker/audit_log.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/broker/audit_fixture.h"

namespace standin::broker {
namespace {

using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

mode_t mode_of(const std::filesystem::path& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return status.st_mode & 07777;
}

TEST(AuditLog, FolderIs0700AndFile0600WhateverTheUmask) {
  const TestLog log;
  const auto umask_before = ::umask(0);
  log.open().append(event("credential_added"));
  ::umask(umask_before);
  EXPECT_EQ(mode_of(log.folder()), 0700U);
  EXPECT_EQ(mode_of(log.folder().parent_path()), 0700U);
  EXPECT_EQ(mode_of(log.file()), 0600U);
}

TEST(AuditLog, TheFileIsNamedAfterTheDayOfItsRecords) {
  const TestLog log;
  write_run(log, 2);
  for (const auto& entry : log.query()) {
    EXPECT_TRUE(std::filesystem::exists(log.file(entry.time.substr(0, 10)))) << entry.time;
  }
}

TEST(AuditLog, RecordsCountFromOneAndCarryUserAndPid) {
  const TestLog log;
  auto run = log.open("69a4c0de00000001");
  EXPECT_EQ(run.run(), "69a4c0de00000001");
  EXPECT_EQ(run.append(event("run_started")), 1U);
  EXPECT_EQ(run.append(event("run_ended")), 2U);
  const auto entries = log.query();
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[1].seq, 2U);
  EXPECT_EQ(entries[1].run, "69a4c0de00000001");
  EXPECT_EQ(entries[1].pid, ::getpid());
  EXPECT_FALSE(entries[1].user.empty());
}

TEST(AuditLog, RunIdsAreSixteenHexDigitsInTheOrderOfTheirSeconds) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(AuditLog::new_run_id());
  EXPECT_EQ(ids.size(), 1000U);
  for (const auto& id : ids) EXPECT_TRUE(audit::is_run_id(id)) << id;
  EXPECT_GE(ids.begin()->substr(0, 8), run_at(at(0us)).substr(0, 8));
}

TEST(AuditLog, ARunsNameThatIsNoneIsRefused) {
  const TestLog log;
  for (const auto* run : {"", "run-1", "69A4C0DE00000001", "69a4c0de0000000\"", "69a4c0de000000011"}) {
    EXPECT_THROW(log.open(run), std::invalid_argument) << run;
  }
}

TEST(AuditLog, ARefusedEventLeavesTheChainWhole) {
  const TestLog log;
  auto run = log.open();
  run.append(event("run_started"));
  EXPECT_THROW(run.append(event("no\nname")), std::invalid_argument);
  EXPECT_EQ(run.append(event("run_ended")), 2U);
  EXPECT_THAT(told(log.verify()), IsEmpty());
}

TEST(AuditLog, ARecordOfAMegabyteIsOneLine) {
  const TestLog log;
  const std::string path(1 << 20, 'p');
  auto record = event("use");
  record.path = path;
  auto run = log.open();
  run.append(event("run_started"));
  run.append(record);
  run.append(event("run_ended"));
  EXPECT_THAT(told(log.verify()), IsEmpty());
  EXPECT_EQ(log.query().at(1).path, path);
  log.open().append(event("credential_added"));
  EXPECT_THAT(log.lines().back(), HasSubstr("\"after\":"));
}

TEST(AuditLog, ARecordLongerThanALineMayBeIsRefused) {
  const TestLog log;
  const std::string path(5 << 20, 'p');
  auto record = event("use");
  record.path = path;
  auto run = log.open();
  EXPECT_THROW(run.append(record), Error);
  EXPECT_EQ(log.bytes(), "");
  EXPECT_EQ(run.append(event("credential_added")), 1U);
}

TEST(AuditLog, EightProcessesWriteOneFileAndEveryChainVerifies) {
  const TestLog log;
  std::vector<pid_t> writers;
  for (int i = 0; i < 8; ++i) {
    writers.push_back(start([&] {
      write_run(log, 498);
      return 0;
    }));
  }
  for (const auto writer : writers) EXPECT_EQ(status_of_end(writer), 0);
  const auto result = log.verify();
  EXPECT_THAT(told(result), IsEmpty());
  EXPECT_EQ(result.records, 8U * 500);
  EXPECT_EQ(result.runs, 8U);
}

TEST(AuditLog, ThreadsShareAChain) {
  const TestLog log;
  auto run = log.open();
  run.append(event("run_started"));
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 100; ++n) run.append(event("use"));
      });
    }
  }
  EXPECT_EQ(run.append(event("run_ended")), 402U);
  EXPECT_THAT(told(log.verify()), IsEmpty());
}

TEST(AuditLog, VerifyAmidstWritersSeesNoDamage) {
  const TestLog log;
  const auto writer = start([&] {
    for (int i = 0; i < 100; ++i) write_run(log, 50);
    return 0;
  });
  int status = 0;
  while (::waitpid(writer, &status, WNOHANG) == 0) EXPECT_TRUE(log.verify().intact());
  EXPECT_EQ(status, 0);
}

TEST(AuditLog, AKilledRunLeavesAValidLogAndIsUnfinished) {
  const TestLog log;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const auto writer = start([&] {
    auto run = log.open();
    run.append(event("run_started"));
    run.append(event("use"));
    [[maybe_unused]] const auto told_parent = ::write(ready[1], "x", 1);
    ::pause();
    return 0;
  });
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ::kill(writer, SIGKILL);
  EXPECT_TRUE(WIFSIGNALED(status_of_end(writer)));
  ::close(ready[0]);
  ::close(ready[1]);
  write_run(log, 1);
  const auto result = log.verify();
  EXPECT_THAT(told(result), ElementsAre("unfinished 2"));
  EXPECT_TRUE(result.intact());
  EXPECT_EQ(result.records, 5U);
}

// Files that go away.

TEST(AuditLog, ADeletedFileIsMadeAgainBeforeTheNextRecord) {
  const TestLog log;
  auto run = log.open();
  run.append(event("run_started"));
  std::filesystem::remove(log.file());
  run.append(event("use"));
  EXPECT_EQ(log.query().at(0).seq, 2U);
}

TEST(AuditLog, ADeletedFolderIsMadeAgainBeforeTheNextRecord) {
  const TestLog log;
  auto run = log.open();
  run.append(event("run_started"));
  std::filesystem::remove_all(log.folder().parent_path());
  run.append(event("use"));
  EXPECT_EQ(log.query().at(0).seq, 2U);
  EXPECT_EQ(mode_of(log.folder()), 0700U);
}

TEST(AuditLog, AFileIsNotInheritedByAChild) {
  const TestLog log;
  auto run = log.open();
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry.path(), gone) != log.file()) continue;
    EXPECT_EQ(::fcntl(std::stoi(entry.path().filename()), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    return;
  }
  FAIL() << "the log's file is not open";
}

// Folders that won't do.

}  // namespace
}  // namespace standin::broker
