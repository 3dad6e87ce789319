#include "broker/audit_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/audit_reader.h"
#include "tests/broker/audit_fixture.h"

namespace standin::broker {
namespace {

using namespace test;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

AuditRecord record(std::string_view name, std::string_view credential, std::string_view origin,
                   std::optional<unsigned> status = {}, std::string_view reason = {}) {
  auto made = event(name);
  made.credential = credential;
  made.origin = origin;
  made.status = status;
  made.reason = reason;
  return made;
}

/// "2 4": the seqs found.
std::string seqs(const std::vector<AuditEntry>& entries) {
  std::string all;
  for (const auto& entry : entries) all += (all.empty() ? "" : " ") + std::to_string(entry.seq);
  return all;
}

AuditFilter with_credential(std::string value) { return {{}, std::move(value), {}, {}, {}}; }
AuditFilter with_origin(std::string value) { return {{}, {}, std::move(value), {}, {}}; }
AuditFilter with_outcome(std::string value) { return {{}, {}, {}, std::move(value), {}}; }
AuditFilter with_run(std::string value) { return {{}, {}, {}, {}, std::move(value)}; }
AuditFilter since(audit::Time time) { return {time, {}, {}, {}, {}}; }

class AuditQuery : public ::testing::Test {
 protected:
  AuditQuery() {
    TimedChain(log, run_at(at(1h)))
        .write(at(1h), "run_started")                                                // 1
        .write(at(2h), record("use", "github", "https://api.github.com"))            // 2
        .write(at(2h), record("use_done", "github", "https://api.github.com", 200))  // 3
        .write(at(3h), record("use_done", "github", "https://api.github.com", 404))  // 4
        .write(at(3h),
               record("use_done", "gitlab", "https://gitlab.corp:8443", {}, "upstream_tls: expired"))  // 5
        .write(at(4h), record("refused", "github", "https://evil.test", 403, "wrong_origin"))          // 6
        .write(at(4h), record("tunnel", "", "https://[2001:db8::1]:8443"))                             // 7
        .write(at(5h), record("run_ended", "", "", 200));                                              // 8
  }
  TestLog log;
};

TEST_F(AuditQuery, AnEmptyFilterFindsEverythingInFileOrder) {
  EXPECT_EQ(seqs(log.query()), "1 2 3 4 5 6 7 8");
}

TEST_F(AuditQuery, NoFolderIsAnEmptyLog) { EXPECT_THAT(TestLog().query(), IsEmpty()); }

TEST_F(AuditQuery, EachEndsItEarly) {
  int seen = 0;
  query_audit(log.folder(), {}, [&](const AuditEntry&) { return ++seen < 3; });
  EXPECT_EQ(seen, 3);
}

TEST_F(AuditQuery, ACredentialIsItsWholeName) {
  EXPECT_EQ(seqs(log.query(with_credential("github"))), "2 3 4 6");
  EXPECT_EQ(seqs(log.query(with_credential("git"))), "");
  EXPECT_EQ(seqs(log.query(with_credential("api.github.com"))), "");
}

TEST_F(AuditQuery, AnOriginIsFoundByItsHostAuthorityOrItself) {
  EXPECT_EQ(seqs(log.query(with_origin("api.github.com"))), "2 3 4");
  EXPECT_EQ(seqs(log.query(with_origin("https://API.github.com"))), "2 3 4");
  EXPECT_EQ(seqs(log.query(with_origin("gitlab.corp"))), "5");
  EXPECT_EQ(seqs(log.query(with_origin("gitlab.corp:8443"))), "5");
  EXPECT_EQ(seqs(log.query(with_origin("[2001:db8::1]"))), "7");
  EXPECT_EQ(seqs(log.query(with_origin("[2001:db8::1]:8443"))), "7");
  EXPECT_EQ(seqs(log.query(with_origin("github.com"))), "");
  EXPECT_EQ(seqs(log.query(with_origin("http://api.github.com"))), "");
  EXPECT_EQ(seqs(log.query(with_origin("https://"))), "");
}

TEST_F(AuditQuery, OutcomesAreWhatTheFormatSays) {
  EXPECT_EQ(seqs(log.query(with_outcome("ok"))), "3");
  EXPECT_EQ(seqs(log.query(with_outcome("failed"))), "4 5");
  EXPECT_EQ(seqs(log.query(with_outcome("refused"))), "6");
  EXPECT_EQ(seqs(log.query(with_outcome("404"))), "4");
  EXPECT_EQ(seqs(log.query(with_outcome("200"))), "3");
  EXPECT_EQ(seqs(log.query(with_outcome("wrong_origin"))), "6");
  EXPECT_EQ(seqs(log.query(with_outcome("upstream_tls"))), "5");
  EXPECT_EQ(seqs(log.query(with_outcome("upstream"))), "");
}

TEST_F(AuditQuery, ARunIsFoundByItsFirstCharacters) {
  TimedChain(log, run_at(at(6h), 1)).write(at(6h), "run_started");
  EXPECT_EQ(seqs(log.query(with_run(run_at(at(6h), 1)))), "1");
  EXPECT_EQ(seqs(log.query(with_run(run_at(at(1h)).substr(0, 8)))), "1 2 3 4 5 6 7 8");
  EXPECT_EQ(seqs(log.query(with_run("x"))), "");
}

TEST_F(AuditQuery, SinceIncludesItsOwnMicrosecond) {
  EXPECT_EQ(seqs(log.query(since(at(3h)))), "4 5 6 7 8");
  EXPECT_EQ(seqs(log.query(since(at(3h + 1us)))), "6 7 8");
  EXPECT_EQ(seqs(log.query(since(at(-1000h)))), "1 2 3 4 5 6 7 8");
  EXPECT_EQ(seqs(log.query(since(at(1000h)))), "");
}

TEST_F(AuditQuery, SinceSkipsOlderDays) {
  TimedChain(log, run_at(at(25h))).write(at(25h), "run_started").write(at(26h), "run_ended");
  // A folder in the older file's place would be an error if it were opened.
  std::filesystem::remove(log.file("2026-03-01"));
  std::filesystem::create_directory(log.file("2026-03-01"));
  EXPECT_EQ(seqs(log.query(since(at(26h)))), "2");
  EXPECT_THROW(log.query(), Error);
}

TEST_F(AuditQuery, LinesThatAreNoRecordsArePassedOver) {
  log.append_text("\n\n{}\n[1]\nnull\n" + std::string(100, '\0') + "\n\xff\xfe\n{\"time\":\"2026-03-01T\n");
  log.append_text(std::string(1 << 20, '[') + "\n");
  log.append_text(std::string(9 << 20, 'x') + "\n");
  TimedChain(log, run_at(at(7h))).write(at(7h), "credential_added");
  log.append_text("{\"time\":");
  EXPECT_EQ(seqs(log.query()), "1 2 3 4 5 6 7 8 1");
  EXPECT_EQ(seqs(log.query(since(at(7h)))), "1");
}

TEST_F(AuditQuery, ARecordBehindATornPieceIsFound) {
  log.append_text(log.lines()[2].substr(0, 150));
  TimedChain(log, run_at(at(7h))).write(at(7h), "credential_added");
  EXPECT_EQ(seqs(log.query()), "1 2 3 4 5 6 7 8 1");
}

TEST_F(AuditQuery, ALastLineWithoutItsNewlineIsFoundIfWhole) {
  log.cut_off(1);
  EXPECT_EQ(seqs(log.query()), "1 2 3 4 5 6 7 8");
  log.cut_off(1);
  EXPECT_EQ(seqs(log.query()), "1 2 3 4 5 6 7");
}

TEST_F(AuditQuery, LastUsesAreTheNewestOfEachCredential) {
  TimedChain(log, run_at(at(25h)))
      .write(at(25h), "run_started")
      .write(at(26h), record("use", "gitlab", "https://gitlab.corp"));
  EXPECT_THAT(
      last_uses(log.folder(), {"github", "gitlab", "never"}),
      ElementsAre(Optional(audit::format_time(at(2h))), Optional(audit::format_time(at(26h))), std::nullopt));
  EXPECT_THAT(last_uses(log.folder(), {}), IsEmpty());
  EXPECT_THAT(last_uses(TestLog().folder(), {"github"}), ElementsAre(std::nullopt));
}

TEST_F(AuditQuery, LastUsesGiveUpAfterSomeBytes) {
  EXPECT_THAT(last_uses(log.folder(), {"github"}, 100), ElementsAre(std::nullopt));
  EXPECT_THAT(last_uses(log.folder(), {"github"}, 0), ElementsAre(std::nullopt));
}

// A file of some thousand records, for the bisection.
class AuditBisection : public ::testing::Test {
 protected:
  static constexpr int count = 5000;
  static audit::Time time_of(int n) { return at(n * 10s); }

  /// One record each ten seconds.
  AuditBisection() {
    audit::prepare_folder(log.folder());
    audit::Chain chain(test_key(), run_at(at(0us)), audit::identity_fields("ann", 7));
    for (int n = 0; n < count; ++n) {
      chain.begin(time_of(n));
      chain.add(event("use"));
      lines.emplace_back(chain.text());
      chain.written(lines.back().size(), 0);
    }
  }
  void write() const {
    std::string content;
    for (const auto& line : lines) content += line;
    std::ofstream(log.file("2026-03-01"), std::ios::binary) << content;
  }
  [[nodiscard]] std::uint64_t begin_of(audit::Time time) const {
    const auto path = log.file("2026-03-01");
    return audit::find_since(audit::open_for_reading(path), path, audit::format_time(time));
  }
  /// Writes the lines, and expects of many times that no record from then on stands before where reading
  /// begins.
  void expect_nothing_is_missed() const {
    write();
    std::vector<std::string> latest_before;  // of each byte at which a line begins
    std::vector<std::uint64_t> beginnings;
    std::string latest;
    std::uint64_t offset = 0;
    for (const auto& line : lines) {
      beginnings.push_back(offset);
      latest_before.push_back(latest);
      offset += line.size();
      const auto head =
          audit::parse_head(std::string_view(line).substr(line.rfind("\n", line.size() - 2) + 1));
      latest = std::max(latest, std::string(head.value().time));
    }
    for (int n = 0; n < count; n += 13) {
      const auto begin = std::ranges::lower_bound(beginnings, begin_of(time_of(n))) - beginnings.begin();
      if (begin == count) continue;
      EXPECT_LT(latest_before[static_cast<std::size_t>(begin)], audit::format_time(time_of(n))) << n;
    }
  }

  TestLog log;
  std::vector<std::string> lines;
};

TEST_F(AuditBisection, EverySinceFindsExactlyTheRecordsFromThen) {
  expect_nothing_is_missed();
  for (int n = 300; n <= count; n += 940) {
    EXPECT_EQ(log.query(since(time_of(n))).size(), static_cast<std::size_t>(count - n)) << n;
  }
}

TEST_F(AuditBisection, LittleMoreThanTheRecordsAskedForIsRead) {
  write();
  EXPECT_LT(std::filesystem::file_size(log.file()) - begin_of(time_of(count - 1)), 128U << 10);
}

TEST_F(AuditBisection, ARecordHeldUpForHoursHidesNoOther) {
  // Every seventh record is as old as one of the first hundred.
  for (std::size_t n = 100; n < count; n += 7) lines[n] = lines[n % 100];
  expect_nothing_is_missed();
}

TEST_F(AuditBisection, RecordsOfConcurrentWritersMayStandSomeDozenPlacesOutOfOrder) {
  for (std::size_t n = 0; n + 40 < lines.size(); n += 40) std::swap(lines[n], lines[n + 39]);
  expect_nothing_is_missed();
}

TEST_F(AuditBisection, GarbageInTheMiddleHidesNoRecord) {
  lines[2500].insert(0, std::string(200 << 10, 'x') + "\n");
  lines[3000].insert(0, std::string(100 << 10, '\n'));
  expect_nothing_is_missed();
  EXPECT_EQ(log.query(since(time_of(4000))).size(), static_cast<std::size_t>(count - 4000));
}

TEST(AuditReader, BackwardsIsForwardsReversedWhateverTheLinesLength) {
  const TestLog log;
  audit::prepare_folder(log.folder());
  const auto path = log.file("2026-03-01");
  std::vector<std::string> lines;
  for (std::size_t n = 0; n < 300; ++n) lines.push_back(std::string(n * n, static_cast<char>('a' + n % 26)));
  std::string content;
  for (const auto& line : lines) content += line + "\n";
  std::ofstream(path, std::ios::binary) << content;

  const auto file = audit::open_for_reading(path);
  audit::LineReader forward(file, path);
  for (const auto& expected : lines) ASSERT_EQ(forward.next()->text, expected);
  EXPECT_FALSE(forward.next());

  audit::BackwardReader backward(file, path, content.size());
  std::uint64_t budget = content.size();
  EXPECT_EQ(backward.next(budget), "");  // behind the last newline
  for (auto expected = lines.rbegin(); expected != lines.rend(); ++expected) {
    ASSERT_EQ(backward.next(budget), *expected);
  }
  EXPECT_FALSE(backward.next(budget));
}

}  // namespace
}  // namespace standin::broker
