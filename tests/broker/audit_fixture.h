#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "broker/audit_chain.h"
#include "broker/audit_files.h"
#include "broker/audit_log.h"
#include "broker/audit_query.h"
#include "broker/audit_tail.h"
#include "tests/read_text.h"
#include "tests/temporary_folder.h"

/// A log in a folder of its own, and a small language to damage it.
namespace standin::broker::test {

using Kind = AuditFinding::Kind;
using namespace std::chrono_literals;

inline vault::Secret test_key(unsigned char first = 0) {
  vault::Secret key(32);
  key.fill([&](std::span<std::byte> bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(first + i);
  });
  return key;
}

/// 2026-03-01T00:00:00Z and some.
inline audit::Time at(std::chrono::microseconds since_march) {
  return audit::Time(std::chrono::sys_days(std::chrono::year(2026) / 3 / 1)) + since_march;
}

/// The name of a chain that began then.
inline std::string run_at(audit::Time time, unsigned n = 0) {
  char id[17];
  const auto second = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  std::snprintf(id, sizeof id, "%08x%08x", static_cast<unsigned>(second), n);
  return id;
}

inline AuditRecord event(std::string_view name) {
  AuditRecord record;
  record.event = name;
  return record;
}

class TestLog {
 public:
  [[nodiscard]] std::filesystem::path home() const { return home_.path(); }
  [[nodiscard]] std::filesystem::path folder() const { return home_ / "state" / "audit"; }
  [[nodiscard]] std::filesystem::path file(std::string_view day) const {
    return audit::file_of_day(folder(), day);
  }
  /// The newest day's file.
  [[nodiscard]] std::filesystem::path file() const { return file(audit::list_days(folder()).back()); }

  AuditLog open(std::string run = AuditLog::new_run_id()) const {
    return AuditLog(folder(), test_key(), std::move(run));
  }
  AuditVerification verify() const { return verify_audit(folder(), test_key()); }
  std::vector<AuditEntry> query(const AuditFilter& filter = {}) const {
    std::vector<AuditEntry> found;
    query_audit(folder(), filter, [&](const AuditEntry& entry) {
      found.push_back(entry);
      return true;
    });
    return found;
  }

  [[nodiscard]] std::string bytes() const { return standin::test::read_text(file()); }
  // In place: ext4 flushes a file that was truncated to nothing and written again, which takes milliseconds.
  void replace(const std::string& content) const {
    std::filesystem::resize_file(file(), content.size());
    overwrite(0, content);
  }
  void overwrite(std::size_t n, const std::string& content) const {
    std::fstream(file(), std::ios::binary | std::ios::in | std::ios::out)
            .seekp(static_cast<std::streamoff>(n))
        << content;
  }
  void append_text(std::string_view text) const {
    std::ofstream(file(), std::ios::binary | std::ios::app) << text;
  }

  void change_byte(std::size_t n, char mask = 1) const {
    overwrite(n, std::string(1, static_cast<char>(bytes().at(n) ^ mask)));
  }
  void cut_off(std::size_t count) const {
    std::filesystem::resize_file(file(), std::filesystem::file_size(file()) - count);
  }

  /// Lines count from 1.
  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> all;
    std::ifstream in(file(), std::ios::binary);
    for (std::string line; std::getline(in, line);) all.push_back(line);
    return all;
  }
  void replace_lines(const std::vector<std::string>& all) const {
    std::string content;
    for (const auto& line : all) content += line + "\n";
    replace(content);
  }
  void remove_line(std::size_t n) const {
    auto all = lines();
    all.erase(all.begin() + static_cast<std::ptrdiff_t>(n - 1));
    replace_lines(all);
  }
  void repeat_line(std::size_t n) const {
    auto all = lines();
    all.push_back(all.at(n - 1));
    replace_lines(all);
  }
  void swap_lines(std::size_t a, std::size_t b) const {
    auto all = lines();
    std::swap(all.at(a - 1), all.at(b - 1));
    replace_lines(all);
  }
  /// Takes out what `says` matches, of whichever line.
  void remove_lines_with(std::string_view text) const {
    auto all = lines();
    std::erase_if(all, [&](const std::string& line) { return line.find(text) != std::string::npos; });
    replace_lines(all);
  }

 private:
  standin::test::TemporaryFolder home_;
};

/// A chain written at times of the test's choosing.
class TimedChain {
 public:
  TimedChain(const TestLog& log, std::string run)
      : log_(log), chain_(test_key(), std::move(run), audit::identity_fields("ann", 7)) {
    audit::prepare_folder(log.folder());
  }

  TimedChain& write(audit::Time now, const AuditRecord& record) {
    chain_.begin(now);
    const auto day = chain_.day();
    const auto after =
        chain_.is_empty() ? audit::find_last_record(log_.folder(), day, chain_.key()) : std::string();
    const auto path = log_.file(day);
    const auto size = std::filesystem::exists(path) ? std::filesystem::file_size(path) : 0;
    chain_.add(record, after);
    std::ofstream(path, std::ios::binary | std::ios::app) << chain_.text();
    chain_.written(chain_.text().size(), size);
    return *this;
  }
  TimedChain& write(audit::Time now, std::string_view name) { return write(now, event(name)); }

 private:
  const TestLog& log_;
  audit::Chain chain_;
};

/// A run of `uses` uses, from start to end.
inline void write_run(const TestLog& log, unsigned uses, std::string run = AuditLog::new_run_id()) {
  auto chain = log.open(std::move(run));
  chain.append(event("run_started"));
  for (unsigned i = 0; i < uses; ++i) chain.append(event("use"));
  chain.append(event("run_ended"));
}

/// "missing 3", "unfinished 4": kind and seq of each finding.
inline std::vector<std::string> told(const AuditVerification& verification) {
  static constexpr std::string_view names[] = {"changed", "missing", "reordered", "torn", "unfinished"};
  std::vector<std::string> all;
  for (const auto& finding : verification.findings) {
    all.push_back(std::string(names[static_cast<std::size_t>(finding.kind)]) + " " +
                  std::to_string(finding.seq));
  }
  return all;
}

/// Starts `body` in a process of its own; its status is what `body` returns.
template <class Body>
pid_t start(Body body) {
  const auto pid = ::fork();
  if (pid != 0) return pid;
  int status = 99;
  try {
    status = body();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  ::_exit(status);
}

inline int status_of_end(pid_t pid) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status;
}

}  // namespace standin::broker::test
