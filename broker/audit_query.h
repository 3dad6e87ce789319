#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/error.h"
#include "vault/secret.h"

namespace standin::broker {

/// A record as it was read. `line` is the JSON as written, without the newline: plain ASCII. The other texts
/// are decoded, and may hold whatever a hostile peer sent: who prints them on a terminal escapes them.
struct AuditEntry {
  std::string line;
  std::string time, run, event, user, command, credential, site, method, origin, path, reason;
  std::uint64_t seq = 0;
  std::int64_t pid = 0;
  std::optional<unsigned> status;
  std::optional<std::uint64_t> bytes;
  std::optional<std::uint64_t> request_bytes;
  std::optional<std::uint64_t> duration_us;
  std::optional<std::uint64_t> of;
};

/// Empty fields ask nothing.
struct AuditFilter {
  std::optional<std::chrono::system_clock::time_point> since;
  std::string credential;
  std::string origin;   // an origin or a host: "api.github.com" finds "https://api.github.com"
  std::string outcome;  // "ok", "failed", "refused", a status, or a reason's code (docs/audit-format.md)
  std::string run;      // an id or its first characters
};

/// Calls `each` with the matching records in file order, oldest first; ends early when it returns false.
/// A `since` is found by bisection: the cost is that of the records it reads, not of the log. A line that is
/// no record is passed over (verify tells of it). Throws Error(audit_unavailable).
void query_audit(const std::filesystem::path& folder, const AuditFilter& filter,
                 const std::function<bool(const AuditEntry&)>& each);

/// Follows the log: first the matching records there are, then new ones as they are written (inotify), over
/// midnight, until `stop_fd` is readable.
void follow_audit(const std::filesystem::path& folder, const AuditFilter& filter, int stop_fd,
                  const std::function<bool(const AuditEntry&)>& each);

/// When each of the credentials was last used: the time of its newest `use` record, or nullopt. Reads
/// backwards from the newest file, and gives up after `max_bytes`.
std::vector<std::optional<std::string>> last_uses(const std::filesystem::path& folder,
                                                  const std::vector<std::string>& credentials,
                                                  std::uint64_t max_bytes = 64 << 20);

/// One thing wrong with the log.
struct AuditFinding {
  enum class Kind {
    changed,     // the mac does not fit the record, or it does not follow the one before it
    missing,     // a seq is not there, or what a later chain says was there
    reordered,   // a record stands behind a later one, twice, or in another day's file
    torn,        // a line, or a part of one, that is not a record: cut off, or foreign
    unfinished,  // the run has no run_ended: still running, killed, or its end was cut off
  };
  Kind kind;
  std::filesystem::path file;
  std::uint64_t line = 0;  // from 1
  std::string run;
  std::uint64_t seq = 0;
  std::string text;  // one lower-case line
};

struct AuditVerification {
  static constexpr std::uint64_t max_listed = 1000;

  std::uint64_t records = 0;  // whose mac fits
  std::uint64_t runs = 0;
  std::uint64_t files = 0;
  std::uint64_t damages = 0;  // all findings but `unfinished` ones; the first max_listed are in the list
  std::vector<AuditFinding> findings;  // by file and line
  /// No damage: no finding but `unfinished` ones.
  [[nodiscard]] bool intact() const noexcept;
};
/// Checks the whole log as it stands at this moment, while others may append to it. Throws
/// Error(audit_unavailable).
AuditVerification verify_audit(const std::filesystem::path& folder, const vault::Secret& key);

}  // namespace standin::broker
