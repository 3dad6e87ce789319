#include "cli/audit_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/scoped_variable.h"

namespace standin::cli {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

broker::AuditEntry use_done() {
  broker::AuditEntry entry;
  entry.time = "2026-03-01T09:15:13.644000Z";
  entry.run = "69a403a0c0ffee01";
  entry.event = "use_done";
  entry.credential = "github";
  entry.site = "header:Authorization";
  entry.method = "GET";
  entry.origin = "https://api.github.com";
  entry.path = "/user";
  entry.status = 200;
  entry.duration_us = 143'201;
  return entry;
}

broker::AuditEntry run_ended(unsigned status) {
  broker::AuditEntry entry;
  entry.time = "2026-03-01T09:15:14.000000Z";
  entry.run = "69a403a0c0ffee01";
  entry.event = "run_ended";
  entry.command = "npx";
  entry.status = status;
  return entry;
}

/// Where a column's text begins.
std::size_t column(const std::string& line, const std::string& text) { return line.find(text); }

class AuditView : public ::testing::Test {
  test::ScopedVariable zone_{"TZ", "UTC"};
};

TEST_F(AuditView, OfARequestIsOneAlignedLine) {
  EXPECT_EQ(audit_line(use_done(), Colour::no),
            "2026-03-01 09:15:13  use_done            github             200   143.2 ms  "
            "GET https://api.github.com/user");
}

TEST_F(AuditView, StandsUnderItsHeading) {
  const std::string heading = audit_heading(Colour::no);
  const std::string line = audit_line(use_done(), Colour::no);
  EXPECT_EQ(column(heading, "EVENT"), column(line, "use_done"));
  EXPECT_EQ(column(heading, "CREDENTIAL"), column(line, "github"));
  EXPECT_EQ(column(heading, "WHAT"), column(line, "GET"));
  EXPECT_EQ(column(heading, "WHAT"), column(audit_line(run_ended(127), Colour::no), "npx"));
}

TEST_F(AuditView, OfARunsEndSaysThatTheStatusIsTheCommands) {
  const std::string line = audit_line(run_ended(137), Colour::no);
  EXPECT_THAT(line, HasSubstr("exit 137"));
  EXPECT_THAT(line, EndsWith("npx  run 69a403a0c0ffee01"));
}

TEST_F(AuditView, OfARefusalEndsWithTheReason) {
  auto entry = use_done();
  entry.event = "refused";
  entry.status = 403;
  entry.reason = "wrong_origin";
  EXPECT_THAT(audit_line(entry, Colour::no),
              EndsWith("GET https://api.github.com/user  header:Authorization  wrong_origin"));
}

TEST_F(AuditView, SaysTheOriginOnce) {
  auto entry = use_done();
  entry.origin = "http://localhost:1";
  entry.path = "http://localhost:1/a";
  EXPECT_THAT(audit_line(entry, Colour::no), EndsWith("GET http://localhost:1/a"));
  entry.method = "CONNECT";
  entry.path = "localhost:1";
  EXPECT_THAT(audit_line(entry, Colour::no), EndsWith("CONNECT http://localhost:1"));
}

TEST_F(AuditView, LetsNothingOfARecordWriteOnTheTerminal) {
  auto entry = use_done();
  entry.path = "/\x1b[2J\n\u202e";
  entry.credential = "a\rb";
  entry.event = "x\x07";
  entry.time = "\x1b[31mnever";
  const std::string line = audit_line(entry, Colour::no);
  EXPECT_TRUE(std::none_of(line.begin(), line.end(), [](char c) { return c >= 0 && c < 0x20; })) << line;
  EXPECT_THAT(line, Not(HasSubstr("\u202e")));
}

TEST_F(AuditView, ColoursALineAsAWhole) {
  auto entry = use_done();
  entry.status = 404;
  const std::string plain = audit_line(entry, Colour::no);
  EXPECT_EQ(audit_line(entry, Colour::yes), "\x1b[33m" + plain + "\x1b[0m");
  EXPECT_EQ(audit_line(use_done(), Colour::yes), audit_line(use_done(), Colour::no));
}

}  // namespace
}  // namespace standin::cli
