#include "broker/audit_day_file.h"

#include <poll.h>

#include <gtest/gtest.h>

#include "tests/broker/audit_fixture.h"
#include "tests/read_text.h"

namespace standin::broker {
namespace {

using namespace test;

TEST(AuditDayFile, AFileThatWasMovedAwayIsNotGoneBackToWhereNoOtherCanBeOpened) {
  const TestLog log;
  audit::DayFile file(log.folder());
  file.open("2026-03-01");
  std::filesystem::rename(log.folder(), log.home() / "moved");
  std::ofstream(log.folder()) << "in its place";
  const auto is_refused = [&] {
    try {
      file.open("2026-03-01");
      return false;
    } catch (const Error&) {
      return true;
    }
  };
  while (!is_refused()) ::poll(nullptr, 0, 10);  // it is looked for once a second
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(is_refused());
}

TEST(AuditDayFile, AnotherDayIsAnotherFile) {
  const TestLog log;
  audit::DayFile file(log.folder());
  file.open("2026-03-01");
  EXPECT_EQ(file.append("one\n").at, 0U);
  EXPECT_EQ(file.append("two\n").at, 4U);
  file.open("2026-03-02");
  EXPECT_EQ(file.append("three\n").at, 0U);
  EXPECT_EQ(standin::test::read_text(log.file("2026-03-01")), "one\ntwo\n");
  EXPECT_EQ(standin::test::read_text(log.file("2026-03-02")), "three\n");
}

}  // namespace
}  // namespace standin::broker
