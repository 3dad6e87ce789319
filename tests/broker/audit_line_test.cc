#include "broker/audit_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/broker/audit_fixture.h"

namespace standin::broker {
namespace {

using test::at;
using test::event;
using test::test_key;
using namespace std::chrono_literals;

constexpr std::string_view some_run = "69a4c0de00000001";

std::string line_of(const AuditRecord& record) {
  static const auto identity = audit::identity_fields("ann", 7);
  static const auto key = test_key();
  const auto prev = audit::Mac::of_chain(key, some_run);
  std::string line;
  audit::write_line(key, record, {audit::format_time(at(1us)), some_run, 1, identity, {}, {}, prev.text()},
                    line);
  return line;
}

AuditRecord full_record() {
  AuditRecord record;
  record.event = "use_done";
  record.command = "npx -y server";
  record.credential = "github";
  record.site = "header:Authorization";
  record.method = "GET";
  record.origin = "https://api.github.com";
  record.path = "/user";
  record.status = 200;
  record.bytes = 0;
  record.request_bytes = 18'446'744'073'709'551'615U;
  record.duration = 1234us;
  record.reason = "client_gone";
  record.of = 4;
  return record;
}

std::vector<std::string> names_of(const std::string& line) {
  std::vector<std::string> names;
  const auto json = nlohmann::ordered_json::parse(line);
  for (const auto& [name, value] : json.items()) names.push_back(name);
  return names;
}

TEST(AuditLine, FieldsStandInTheirFixedOrder) {
  EXPECT_THAT(names_of(line_of(full_record())),
              ::testing::ElementsAre("time", "run", "seq", "event", "user", "pid", "command", "credential",
                                     "site", "method", "origin", "path", "status", "bytes", "request_bytes",
                                     "duration_us", "reason", "of", "prev", "mac"));
}

TEST(AuditLine, EmptyFieldsAreLeftOut) {
  EXPECT_THAT(names_of(line_of(event("run_started"))),
              ::testing::ElementsAre("time", "run", "seq", "event", "user", "pid", "prev", "mac"));
}

TEST(AuditLine, ZeroIsAValueAndIsKept) {
  const auto json = nlohmann::json::parse(line_of(full_record()));
  EXPECT_EQ(json.at("bytes"), 0);
  EXPECT_EQ(json.at("request_bytes"), 18'446'744'073'709'551'615U);
}

TEST(AuditLine, TimeIsRfc3339InUtcWithMicroseconds) {
  EXPECT_EQ(audit::format_time(at(0us)), "2026-03-01T00:00:00.000000Z");
  EXPECT_EQ(audit::format_time(at(24h - 1us)), "2026-03-01T23:59:59.999999Z");
  EXPECT_EQ(audit::format_time(at(-1us)), "2026-02-28T23:59:59.999999Z");
  EXPECT_EQ(audit::format_time(audit::Time{} - 1us), "1969-12-31T23:59:59.999999Z");
}

TEST(AuditLine, EveryByteOfAValueGivesOneLineOfValidAsciiJson) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string path = std::string("/") + static_cast<char>(byte) + "x";
    auto record = event("use");
    record.path = path;
    const auto line = line_of(record);
    ASSERT_EQ(line.find('\n'), line.size() - 1) << byte;
    ASSERT_TRUE(std::ranges::all_of(line.substr(0, line.size() - 1), [](char c) {
      return c >= 0x20 && c < 0x7f;
    })) << byte;
    const auto read = nlohmann::json::parse(line).at("path").get<std::string>();
    EXPECT_EQ(read, byte < 0x80 ? path : "/\xef\xbf\xbdx") << byte;
  }
}

TEST(AuditLine, LineSeparatorsAndBidiOverridesAreEscaped) {
  auto record = event("use");
  record.path = "/\u2028\u202e";
  EXPECT_THAT(line_of(record), ::testing::HasSubstr(R"("path":"/\u2028\u202e")"));
}

TEST(AuditLine, AValueCannotForgeAFieldOrARecord) {
  auto record = event("use");
  record.path = R"(x","prev_at":99,"mac":"y"}{"time":"2026)";
  record.reason = R"(","after":"2026-03-01/69a4c0de00000001/1)";
  const auto line = line_of(record);
  const auto frame = audit::parse_frame(std::string_view(line).substr(0, line.size() - 1));
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->after, "");
  EXPECT_EQ(frame->prev_at, std::nullopt);
  EXPECT_EQ(line.find(audit::record_start, 1), std::string::npos);
}

TEST(AuditLine, AnEventIsAName) {
  for (const std::string_view name : {"", "Use", "use done", "use\"", "use\n"}) {
    EXPECT_THROW(line_of(event(name)), std::invalid_argument) << name;
  }
}

TEST(AuditLine, FrameHoldsWhatTheLineSays) {
  const auto key = test_key();
  const auto prev = audit::Mac::of_record(key, "x");
  std::string line;
  const auto mac = audit::write_line(
      key, full_record(), {audit::format_time(at(1s)), some_run, 12, {}, {}, 3456, prev.text()}, line);
  const auto frame = audit::parse_frame(std::string_view(line).substr(0, line.size() - 1));
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->time, "2026-03-01T00:00:01.000000Z");
  EXPECT_EQ(frame->run, some_run);
  EXPECT_EQ(frame->seq, 12U);
  EXPECT_EQ(frame->event, "use_done");
  EXPECT_EQ(frame->prev_at, 3456U);
  EXPECT_EQ(frame->prev, prev.text());
  EXPECT_EQ(frame->mac, mac.text());
  EXPECT_TRUE(audit::Mac::of_record(key, frame->signed_part).fits(frame->mac));
}

TEST(AuditLine, FirstRecordNamesWhatStoodBeforeIt) {
  const auto key = test_key();
  const auto prev = audit::Mac::of_chain(key, some_run);
  std::string line;
  audit::write_line(
      key, event("run_started"),
      {audit::format_time(at(1s)), some_run, 1, {}, "2026-02-28/69a4c0de00000000/17", {}, prev.text()}, line);
  const auto frame = audit::parse_frame(std::string_view(line).substr(0, line.size() - 1));
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->after, "2026-02-28/69a4c0de00000000/17");
}

TEST(AuditLine, NoBeginningOfALineIsAFrame) {
  const auto line = line_of(full_record());
  for (std::size_t length = 0; length + 1 < line.size(); ++length) {
    EXPECT_FALSE(audit::parse_frame(std::string_view(line).substr(0, length))) << length;
  }
}

TEST(AuditLine, ARecordIsFoundBehindATornOneWhereverThatWasCut) {
  const auto whole = line_of(full_record());
  for (std::size_t length = 0; length + 1 < whole.size(); ++length) {
    const auto both = whole.substr(0, length) + whole.substr(0, whole.size() - 1);
    std::string_view rest = both;
    std::string_view last;
    while (!rest.empty()) last = audit::take_piece(rest);
    EXPECT_EQ(last, std::string_view(whole).substr(0, whole.size() - 1)) << length;
    AuditEntry entry;
    EXPECT_EQ(length == 0, audit::parse_entry(both, entry)) << length;
  }
}

TEST(AuditLine, EntryHoldsWhatTheLineSays) {
  const auto line = line_of(full_record());
  AuditEntry entry;
  ASSERT_TRUE(audit::parse_entry(std::string_view(line).substr(0, line.size() - 1), entry));
  EXPECT_EQ(entry.line + "\n", line);
  EXPECT_EQ(entry.user, "ann");
  EXPECT_EQ(entry.pid, 7);
  EXPECT_EQ(entry.credential, "github");
  EXPECT_EQ(entry.path, "/user");
  EXPECT_EQ(entry.status, 200U);
  EXPECT_EQ(entry.duration_us, 1234U);
  EXPECT_EQ(entry.of, 4U);
}

TEST(AuditLine, AnEntryUsedAgainKeepsNothingOfTheLastOne) {
  const auto full = line_of(full_record());
  const auto bare = line_of(event("use"));
  AuditEntry entry;
  ASSERT_TRUE(audit::parse_entry(std::string_view(full).substr(0, full.size() - 1), entry));
  ASSERT_TRUE(audit::parse_entry(std::string_view(bare).substr(0, bare.size() - 1), entry));
  EXPECT_EQ(entry.credential, "");
  EXPECT_EQ(entry.status, std::nullopt);
  EXPECT_EQ(entry.of, std::nullopt);
}

TEST(AuditLine, ForeignJsonIsNoEntry) {
  AuditEntry entry;
  for (const std::string_view text : {"", "{}", "[]", "null", R"({"time":"2026-03-01T00:00:00.000000Z"})"}) {
    EXPECT_FALSE(audit::parse_entry(text, entry)) << text;
  }
}

TEST(AuditLine, AFieldOfALaterVersionIsPassedOver) {
  auto line = line_of(event("use"));
  line.pop_back();
  const auto with = [&](const std::string& field) {
    return std::string(line).insert(line.find(R"(,"prev":")"), field);
  };
  AuditEntry entry;
  EXPECT_TRUE(audit::parse_entry(with(R"(,"x":{"event":"run_ended","path":["x"]})"), entry));
  EXPECT_EQ(entry.event, "use");
  EXPECT_EQ(entry.path, "");
  EXPECT_FALSE(audit::parse_entry(with(R"(,"x":)" + std::string(1 << 20, '[')), entry));
  EXPECT_FALSE(audit::parse_entry(with(R"(},{"x":1)"), entry));
  EXPECT_FALSE(audit::parse_entry(with(R"("x":1)"), entry));
}

TEST(AuditLine, ARunsNameTellsItsDay) {
  EXPECT_EQ(audit::day_of_run(test::run_at(at(0us))), "2026-03-01");
  EXPECT_EQ(audit::day_of_run(test::run_at(at(-1s))), "2026-02-28");
  EXPECT_EQ(audit::day_of_run("not a run's name"), std::nullopt);
}

TEST(AuditLine, TheExampleOfTheFormatsPageVerifies) {
  std::ifstream page(STANDIN_SOURCE_DIR "/docs/audit-format.md");
  const auto key = test_key();
  std::size_t records = 0;
  for (std::string line; std::getline(page, line);) {
    const auto start = line.find_first_not_of(' ');
    const auto frame =
        audit::parse_frame(start == std::string::npos ? "" : std::string_view(line).substr(start));
    if (!frame) continue;
    ++records;
    EXPECT_TRUE(audit::Mac::of_record(key, frame->signed_part).fits(frame->mac)) << line;
  }
  EXPECT_EQ(records, 3U);
}

}  // namespace
}  // namespace standin::broker
