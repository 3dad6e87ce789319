#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/broker/audit_fixture.h"

namespace standin::broker {
namespace {

using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(AuditVerify, AWholeRunIsIntact) {
  const TestLog log;
  write_run(log, 3);
  const auto result = log.verify();
  EXPECT_THAT(told(result), IsEmpty());
  EXPECT_TRUE(result.intact());
  EXPECT_EQ(result.records, 5U);
  EXPECT_EQ(result.runs, 1U);
  EXPECT_EQ(result.files, 1U);
}

TEST(AuditVerify, NoFolderIsAnEmptyLog) {
  const TestLog log;
  EXPECT_TRUE(log.verify().intact());
  EXPECT_EQ(log.verify().files, 0U);
}

TEST(AuditVerify, EveryFlippedByteIsSeen) {
  const TestLog log;
  log.open().append(event("credential_added"));
  write_run(log, 1);
  const auto whole = log.bytes();
  for (std::size_t n = 0; n < whole.size(); ++n) {
    for (const char mask : {'\x01', '\x20', '\x80'}) {
      log.change_byte(n, mask);
      EXPECT_FALSE(log.verify().intact()) << "byte " << n << " mask " << int(mask);
      log.replace(whole);
    }
  }
}

TEST(AuditVerify, EveryByteMadeANewlineIsSeen) {
  const TestLog log;
  write_run(log, 0);
  const auto whole = log.bytes();
  for (std::size_t n = 0; n < whole.size(); ++n) {
    if (whole[n] == '\n') continue;
    auto changed = whole;
    changed[n] = '\n';
    log.replace(changed);
    EXPECT_FALSE(log.verify().intact()) << n;
  }
}

TEST(AuditVerify, EveryRemovedByteOfARecordIsSeen) {
  const TestLog log;
  write_run(log, 1);
  const auto whole = log.bytes();
  for (std::size_t n = 0; n < whole.size(); ++n) {
    if (whole[n] == '\n') continue;
    log.replace(std::string(whole).erase(n, 1));
    EXPECT_FALSE(log.verify().intact()) << n;
  }
}

TEST(AuditVerify, AChangedByteIsToldWithFileLineRunAndSeq) {
  const TestLog log;
  write_run(log, 3, "69a4c0de00000001");
  log.change_byte(log.bytes().find("\"event\":\"use\"") + 10);
  const auto result = log.verify();
  ASSERT_THAT(told(result), ElementsAre("changed 2"));
  EXPECT_EQ(result.findings[0].file, log.file());
  EXPECT_EQ(result.findings[0].line, 2U);
  EXPECT_EQ(result.findings[0].run, "69a4c0de00000001");
}

TEST(AuditVerify, AChangedMacIsOneChangedRecord) {
  const TestLog log;
  write_run(log, 3);
  log.change_byte(log.bytes().find("\"mac\":\"") + 10);
  EXPECT_THAT(told(log.verify()), ElementsAre("changed 1"));
}

TEST(AuditVerify, ARemovedLineIsMissing) {
  const TestLog log;
  write_run(log, 3);
  log.remove_line(3);
  const auto result = log.verify();
  EXPECT_THAT(told(result), ElementsAre("missing 3"));
  EXPECT_EQ(result.findings[0].line, 3U);
}

TEST(AuditVerify, ARunsRemovedBeginningIsMissing) {
  const TestLog log;
  write_run(log, 3);
  log.remove_line(1);
  log.remove_line(1);
  const auto result = log.verify();
  EXPECT_THAT(told(result), ElementsAre("missing 1"));
  EXPECT_THAT(result.findings[0].text, HasSubstr("1 to 2"));
}

TEST(AuditVerify, SwappedLinesAreReordered) {
  const TestLog log;
  write_run(log, 3);
  log.swap_lines(2, 3);
  EXPECT_THAT(told(log.verify()), ElementsAre("reordered 2"));
}

TEST(AuditVerify, AReversedLogIsReordered) {
  const TestLog log;
  write_run(log, 2);
  log.swap_lines(1, 4);
  log.swap_lines(2, 3);
  EXPECT_THAT(told(log.verify()), ElementsAre("reordered 3", "reordered 2", "reordered 1"));
}

TEST(AuditVerify, ARepeatedLineIsReordered) {
  const TestLog log;
  write_run(log, 3);
  log.repeat_line(2);
  EXPECT_THAT(told(log.verify()), ElementsAre("reordered 2"));
}

TEST(AuditVerify, ACutEndIsTornAndTheRunUnfinished) {
  const TestLog log;
  write_run(log, 1);
  log.cut_off(5);
  EXPECT_THAT(told(log.verify()), ElementsAre("unfinished 2", "torn 3"));
  EXPECT_FALSE(log.verify().intact());
}

TEST(AuditVerify, ARemovedEndIsUnfinishedAndNoDamage) {
  const TestLog log;
  write_run(log, 1);
  log.remove_line(3);
  const auto result = log.verify();
  EXPECT_THAT(told(result), ElementsAre("unfinished 2"));
  EXPECT_TRUE(result.intact());
}

TEST(AuditVerify, AMissingLastNewlineIsNoDamage) {
  const TestLog log;
  write_run(log, 1);
  log.cut_off(1);
  EXPECT_THAT(told(log.verify()), IsEmpty());
  EXPECT_EQ(log.verify().records, 3U);
}

TEST(AuditVerify, AVaultCommandsChainNeedsNoEnd) {
  const TestLog log;
  log.open().append(event("credential_added"));
  log.open().append(event("credential_removed"));
  EXPECT_THAT(told(log.verify()), IsEmpty());
  EXPECT_EQ(log.verify().runs, 0U);
}

TEST(AuditVerify, AWholeRunTakenOutIsMissing) {
  const TestLog log;
  write_run(log, 1, "69a4c0de00000001");
  write_run(log, 2, "69a4c0de00000002");
  write_run(log, 1, "69a4c0de00000003");
  log.remove_lines_with(R"("run":"69a4c0de00000002")");
  const auto result = log.verify();
  ASSERT_THAT(told(result), ElementsAre("missing 4"));
  EXPECT_EQ(result.findings[0].run, "69a4c0de00000002");
  EXPECT_THAT(result.findings[0].text, HasSubstr("69a4c0de00000003"));
}

TEST(AuditVerify, AVaultCommandTakenOutIsMissing) {
  const TestLog log;
  log.open("69a4c0de00000001").append(event("credential_added"));
  log.open("69a4c0de00000002").append(event("credential_removed"));
  log.open("69a4c0de00000003").append(event("credential_added"));
  log.remove_line(2);
  EXPECT_THAT(told(log.verify()), ElementsAre("missing 1"));
}

// No later chain begins right behind it, so no `after` names it: its place does.
TEST(AuditVerify, AChainTakenOutOfTheMidstOfAnotherIsSeen) {
  const TestLog log;
  auto run = log.open();
  run.append(event("run_started"));
  run.append(event("use"));
  log.open().append(event("credential_removed"));
  run.append(event("use"));
  run.append(event("run_ended"));
  log.remove_line(3);
  const auto result = log.verify();
  ASSERT_THAT(told(result), ElementsAre("missing 0"));
  EXPECT_THAT(result.findings[0].text, HasSubstr("bytes are missing before this line"));
  EXPECT_FALSE(result.intact());
}

TEST(AuditVerify, BlankLinesDoNotPadAGap) {
  const TestLog log;
  auto run = log.open();
  run.append(event("run_started"));
  log.open().append(event("credential_removed"));
  run.append(event("use"));
  run.append(event("run_ended"));
  auto all = log.lines();
  all[1] = std::string(all[1].size(), '\n');
  log.replace_lines(all);
  EXPECT_FALSE(log.verify().intact());
}

TEST(AuditVerify, ForeignLinesAreTorn) {
  const TestLog log;
  write_run(log, 1);
  log.append_text("{}\n");
  log.append_text(std::string("\0\xff\x01", 3));
  const auto result = log.verify();
  EXPECT_THAT(told(result), ElementsAre("torn 0", "torn 0"));
  EXPECT_EQ(result.findings[0].line, 4U);
}

TEST(AuditVerify, ARecordBehindATornPieceOnItsLineIsWhole) {
  const TestLog log;
  auto run = log.open();
  run.append(event("run_started"));
  auto other = event("use");
  other.path = "/torn";
  TestLog scratch;
  scratch.open().append(other);
  log.append_text(scratch.bytes().substr(0, 200));
  run.append(event("run_ended"));
  const auto result = log.verify();
  EXPECT_THAT(told(result), ElementsAre("torn 1"));
  EXPECT_EQ(result.records, 2U);
}

TEST(AuditVerify, ATornRecordWrittenAgainIsTornOnly) {
  const TestLog log;
  write_run(log, 1);
  auto all = log.lines();
  all.insert(all.begin() + 1, all[1].substr(0, 150));
  log.replace_lines(all);
  EXPECT_THAT(told(log.verify()), ElementsAre("torn 2"));
}

TEST(AuditVerify, ConsecutiveDamagedRecordsAreNotMissingAsWell) {
  const TestLog log;
  write_run(log, 4);
  auto all = log.lines();
  all[1].replace(all[1].find("\"pid\""), 5, "\"PID\"");
  all[2].resize(120);
  log.replace_lines(all);
  EXPECT_THAT(told(log.verify()), ElementsAre("changed 2", "torn 3"));
}

TEST(AuditVerify, AnotherVaultsLogLooksChanged) {
  const TestLog log;
  write_run(log, 1);
  const auto result = verify_audit(log.folder(), test_key(99));
  EXPECT_EQ(result.records, 0U);
  EXPECT_THAT(told(result), ElementsAre("changed 1", "changed 2", "changed 3"));
  EXPECT_THAT(result.findings[0].text, HasSubstr("another vault"));
}

TEST(AuditVerify, DamageWithoutEndIsCountedAndTheFirstOfItListed) {
  const TestLog log;
  write_run(log, 1);
  log.append_text(std::string(5000, '\n'));
  const auto result = log.verify();
  EXPECT_EQ(result.damages, 5000U);
  EXPECT_EQ(result.findings.size(), AuditVerification::max_listed);
  EXPECT_FALSE(result.intact());
}

TEST(AuditVerify, ALongLineIsTornAndTheNextOneRead) {
  const TestLog log;
  log.open().append(event("credential_added"));
  log.append_text(std::string(10 << 20, 'x') + "\n");
  log.open().append(event("credential_added"));
  const auto result = log.verify();
  EXPECT_EQ(result.records, 2U);
  EXPECT_FALSE(result.intact());
  EXPECT_EQ(result.findings.back().line, 2U);
}

// Over days.

TEST(AuditVerify, ARunOverMidnightIsOneChain) {
  const TestLog log;
  TimedChain(log, run_at(at(23h)))
      .write(at(23h), "run_started")
      .write(at(25h), "use")
      .write(at(49h), "run_ended");
  const auto result = log.verify();
  EXPECT_THAT(told(result), IsEmpty());
  EXPECT_EQ(result.files, 3U);
}

TEST(AuditVerify, OldFilesMayBePruned) {
  const TestLog log;
  TimedChain(log, run_at(at(23h), 1))
      .write(at(23h), "run_started")
      .write(at(25h), "use")
      .write(at(26h), "run_ended");
  TimedChain(log, run_at(at(23h), 2)).write(at(23h), "run_started").write(at(23h), "run_ended");
  TimedChain(log, run_at(at(27h), 3)).write(at(27h), "run_started").write(at(49h), "run_ended");
  ASSERT_THAT(told(log.verify()), IsEmpty());
  std::filesystem::remove(log.file("2026-03-01"));
  EXPECT_THAT(told(log.verify()), IsEmpty());
  std::filesystem::remove(log.file("2026-03-02"));
  EXPECT_THAT(told(log.verify()), IsEmpty());
}

TEST(AuditVerify, AFirstRecordThatPointsBehindAPrunedFileIsNoDamage) {
  const TestLog log;
  TimedChain(log, run_at(at(1h), 1)).write(at(1h), "credential_added");
  TimedChain(log, run_at(at(25h), 2)).write(at(25h), "credential_added");
  std::filesystem::remove(log.file("2026-03-01"));
  EXPECT_THAT(told(log.verify()), IsEmpty());
}

TEST(AuditVerify, AFileTakenOutOfTheMiddleIsMissing) {
  const TestLog log;
  for (int day = 0; day < 3; ++day) {
    TimedChain(log, run_at(at(day * 24h), 1)).write(at(day * 24h), "credential_added");
  }
  std::filesystem::remove(log.file("2026-03-02"));
  EXPECT_THAT(told(log.verify()), ElementsAre("missing 1"));
}

TEST(AuditVerify, ARunOfAPrunedDayStillNeedsItsEnd) {
  const TestLog log;
  TimedChain(log, run_at(at(23h)))
      .write(at(23h), "run_started")
      .write(at(25h), "use")
      .write(at(26h), "use")
      .write(at(27h), "use");
  std::filesystem::remove(log.file("2026-03-01"));
  EXPECT_THAT(told(log.verify()), ElementsAre("unfinished 4"));
  log.remove_line(2);
  EXPECT_THAT(told(log.verify()), ElementsAre("missing 3", "unfinished 4"));
}

TEST(AuditVerify, AFileUnderAnotherDaysNameIsReordered) {
  const TestLog log;
  TimedChain(log, run_at(at(1h))).write(at(1h), "credential_added");
  std::filesystem::rename(log.file("2026-03-01"), log.file("2026-03-05"));
  EXPECT_THAT(told(log.verify()), ElementsAre("reordered 1"));
}

TEST(AuditVerify, AClockSetBackLeavesTheChainInOrder) {
  const TestLog log;
  TimedChain(log, run_at(at(25h)))
      .write(at(25h), "run_started")
      .write(at(1h), "use")
      .write(at(26h), "run_ended");
  EXPECT_THAT(told(log.verify()), IsEmpty());
  EXPECT_EQ(log.query()[1].time, audit::format_time(at(25h)));
}

TEST(AuditVerify, FilesOfOtherNamesAreLeftAlone) {
  const TestLog log;
  write_run(log, 1);
  for (const auto* name : {"2026-03-01.jsonl.gz", "notes", "2026-3-1.jsonl", "....-..-...jsonl"}) {
    std::ofstream(log.folder() / name) << "x\n";
  }
  EXPECT_THAT(told(log.verify()), IsEmpty());
  EXPECT_EQ(log.verify().files, 1U);
}

TEST(AuditVerify, AnEmptyFileIsNoDamage) {
  const TestLog log;
  write_run(log, 1);
  std::ofstream(log.file("2026-01-01"));
  EXPECT_THAT(told(log.verify()), IsEmpty());
}

TEST(AuditVerify, AFolderInAFilesPlaceIsAnError) {
  const TestLog log;
  std::filesystem::create_directories(log.file("2026-03-01"));
  EXPECT_THROW(log.verify(), Error);
}

}  // namespace
}  // namespace standin::broker
