#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/broker/audit_fixture.h"

// Records that go into the log with one write.

namespace standin::broker {
namespace {

using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::array<AuditRecord, 3> three = {event("use_done"), event("use_done"), event("use")};

TEST(AuditBatch, TheFirstSaysWhereTheOneBeforeStandsAndTheOthersThatTheyStandBehindIt) {
  const TestLog log;
  auto run = log.open();
  run.append(event("run_started"));
  const Appended appended = run.append(three);
  EXPECT_EQ(appended.records, 3U);
  EXPECT_EQ(appended.last_seq, 4U);
  run.append(event("run_ended"));
  const auto lines = log.lines();
  ASSERT_EQ(lines.size(), 5U);
  EXPECT_THAT(lines[1], HasSubstr(R"(,"prev_at":0,)"));
  EXPECT_THAT(lines[2], Not(HasSubstr("prev_at")));
  EXPECT_THAT(lines[3], Not(HasSubstr("prev_at")));
  const auto at = lines[0].size() + lines[1].size() + lines[2].size() + 3;
  EXPECT_THAT(lines[4], HasSubstr(R"("prev_at":)" + std::to_string(at) + ","));
  EXPECT_THAT(told(log.verify()), IsEmpty());
}

TEST(AuditBatch, NoOtherProcessesRecordComesBetween) {
  const TestLog log;
  std::vector<pid_t> writers;
  for (int i = 0; i < 4; ++i) {
    writers.push_back(start([&] {
      auto run = log.open();
      run.append(event("run_started"));
      for (int n = 0; n < 100; ++n) run.append(three);
      run.append(event("run_ended"));
      return 0;
    }));
  }
  for (const auto writer : writers) EXPECT_EQ(status_of_end(writer), 0);
  const auto result = log.verify();
  EXPECT_THAT(told(result), IsEmpty());
  EXPECT_EQ(result.records, 4U * 302);
}

TEST(AuditBatch, ARecordThatWasMovedBetweenThemIsFound) {
  const TestLog log;
  auto run = log.open();
  run.append(event("run_started"));
  run.append(three);
  log.open().append(event("credential_added"));
  ASSERT_TRUE(log.verify().intact());
  auto lines = log.lines();
  std::swap(lines[3], lines[4]);
  log.replace_lines(lines);
  EXPECT_THAT(told(log.verify()), ::testing::Contains("torn 0"));
}

TEST(AuditBatch, NoneIsWrittenWhereOneOfThemIsTooLong) {
  const TestLog log;
  auto run = log.open();
  run.append(event("run_started"));
  const std::string path(5 << 20, 'x');
  std::array<AuditRecord, 2> records = {event("use_done"), event("use")};
  records[1].path = path;
  const Appended appended = run.append(records);
  EXPECT_EQ(appended.records, 0U);
  EXPECT_TRUE(appended.fault);
  EXPECT_EQ(run.append(event("run_ended")), 2U);
  EXPECT_THAT(told(log.verify()), IsEmpty());
}

TEST(AuditBatch, SubjectFieldsStandAsIfEachHadBeenGiven) {
  auto record = event("use");
  record.credential = "github";
  record.site = "header:\"X\"";
  record.method = "GET";
  record.origin = "https://api.github.com";
  record.path = "/?a=…&b=…\xff";
  const auto subject = audit::subject_fields(record);
  auto same = event("use");
  same.subject = subject;
  audit::Chain chain(test_key(), run_at(at(0us)), {});
  chain.begin(at(0us));
  chain.add(record);
  const std::string line(chain.text());
  chain.begin(at(0us));
  chain.add(same);
  EXPECT_EQ(chain.text(), line);
  EXPECT_THAT(line, HasSubstr(R"("site":"header:\"X\"")"));
  EXPECT_THAT(line, HasSubstr(R"("path":"/?a=\u2026&b=\u2026\ufffd")"));
}

TEST(AuditBatch, TimesOfOneSecondAreWrittenAsIfEachWereAlone) {
  audit::TimeText text;
  for (const auto time : {at(0us), at(1us), at(999'999us), at(1s), at(1s - 1us), at(24h), at(24h + 10us)}) {
    EXPECT_EQ(text.of(time), audit::format_time(time));
  }
}

}  // namespace
}  // namespace standin::broker
