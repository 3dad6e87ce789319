// The audit log's marks: a record costs 4 us of CPU with its write, a million records answer `--since 1h` in
// 100 ms, and are verified at 200,000 a second.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>

#include <benchmark/benchmark.h>

#include "broker/audit_chain.h"
#include "broker/audit_files.h"
#include "broker/audit_log.h"
#include "broker/audit_query.h"
#include "tests/temporary_folder.h"

namespace standin::broker {
namespace {

constexpr int million = 1'000'000;

vault::Secret bench_key() { return vault::Secret(32); }

using test::TemporaryFolder;

AuditRecord typical_record() {
  AuditRecord record;
  record.event = "use";
  record.credential = "github";
  record.site = "header:Authorization";
  record.method = "GET";
  record.origin = "https://api.github.com";
  record.path = "/repos/octocat/hello-world/issues";
  return record;
}

/// A million records, the last of them now, spread evenly over `span`. Made once for each span.
const std::filesystem::path& log_over(std::chrono::hours span) {
  static std::map<std::chrono::hours, TemporaryFolder> logs;
  const auto [made, is_new] = logs.try_emplace(span);
  if (!is_new) return made->second.path();
  const auto end = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  const auto step = std::chrono::microseconds(span) / million;
  audit::Chain chain(bench_key(), AuditLog::new_run_id(), audit::identity_fields("ann", 7));
  std::ofstream file;
  std::string open_day;
  std::uint64_t offset = 0;
  for (int n = million; n > 0; --n) {
    const auto time = end - n * step;
    if (const auto day = audit::day_of(time); day != open_day) {
      file = std::ofstream(audit::file_of_day(made->second.path(), day), std::ios::binary);
      open_day = day;
      offset = 0;
    }
    auto record = typical_record();
    record.event = chain.is_empty() ? "run_started" : n == 1 ? "run_ended" : "use";
    chain.begin(time);
    chain.add(record);
    file << chain.text();
    const std::size_t size = chain.text().size();
    chain.written(size, offset);
    offset += size;
  }
  return made->second.path();
}

void append(benchmark::State& state) {
  const TemporaryFolder folder;
  AuditLog log(folder.path(), bench_key(), AuditLog::new_run_id());
  const auto record = typical_record();
  for (auto _ : state) benchmark::DoNotOptimize(log.append(record));
}
BENCHMARK(append)->Unit(benchmark::kMicrosecond);

/// What a vault command pays, and a run for its first record.
void open_and_append_first(benchmark::State& state) {
  const TemporaryFolder folder;
  for (auto _ : state) {
    AuditLog log(folder.path(), bench_key(), AuditLog::new_run_id());
    log.append(typical_record());
  }
}
BENCHMARK(open_and_append_first)->Unit(benchmark::kMicrosecond);

void query(benchmark::State& state, const AuditFilter& filter, std::chrono::hours span) {
  const auto& folder = log_over(span);
  std::size_t found = 0;
  for (auto _ : state) {
    found = 0;
    query_audit(folder, filter, [&](const AuditEntry&) { return ++found > 0; });
  }
  state.counters["found"] = static_cast<double>(found);
}

AuditFilter last_hour() {
  AuditFilter filter;
  filter.since = std::chrono::system_clock::now() - std::chrono::hours(1);
  return filter;
}

void query_last_hour(benchmark::State& state) {
  query(state, last_hour(), std::chrono::hours(state.range(0)));
}
BENCHMARK(query_last_hour)->ArgName("log_hours")->Arg(24)->Arg(24 * 30)->Unit(benchmark::kMillisecond);

void query_one_of_a_million(benchmark::State& state) {
  AuditFilter filter;
  filter.credential = "gitlab";
  query(state, filter, std::chrono::hours(24));
}
BENCHMARK(query_one_of_a_million)->Unit(benchmark::kMillisecond);

void last_use(benchmark::State& state) {
  const auto& folder = log_over(std::chrono::hours(24));
  for (auto _ : state) benchmark::DoNotOptimize(last_uses(folder, {"github"}));
}
BENCHMARK(last_use)->Unit(benchmark::kMicrosecond);

void verify_a_million(benchmark::State& state) {
  const auto& folder = log_over(std::chrono::hours(24));
  const auto key = bench_key();
  for (auto _ : state) {
    if (!verify_audit(folder, key).findings.empty()) state.SkipWithError("the log is damaged");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * million);
}
BENCHMARK(verify_a_million)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace standin::broker

BENCHMARK_MAIN();
