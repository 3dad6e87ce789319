#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/audit_log.h"
#include "broker/audit_mac.h"
#include "broker/audit_query.h"

/// The lines of the audit log: bytes in, bytes out. docs/audit-format.md is the law here.
namespace standin::broker::audit {

/// Occurs at the start of a record and nowhere else in one.
inline constexpr std::string_view record_start = R"({"time":")";
inline constexpr std::size_t max_line_bytes = 4 << 20;
inline constexpr std::size_t time_length = 27;  // 2026-03-01T09:15:00.000001Z
inline constexpr std::size_t day_length = 10;
inline constexpr std::size_t run_length = 16;

using Time = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;

std::string format_time(Time time);

/// The same for one time after another: what the times of one second share is formatted once.
class TimeText {
 public:
  /// Valid until the next call.
  std::string_view of(Time time);

 private:
  std::string text_;
  std::chrono::sys_seconds second_{};
};

std::string day_of(Time time);
/// The day (2026-03-01) on which a chain of this name began; nullopt where it is not 16 hex digits.
std::optional<std::string> day_of_run(std::string_view run);
bool is_run_id(std::string_view run) noexcept;

/// What a record gets on top of what it says: its place.
struct Place {
  std::string_view time;
  std::string_view run;
  std::uint64_t seq = 0;
  std::string_view identity;  // the fields user and pid, as identity_fields() made them
  std::string_view after;     // DAY/RUN/SEQ or empty
  std::optional<std::uint64_t> prev_at;
  std::string_view prev;
};
std::string identity_fields(std::string_view user, std::int64_t pid);
/// What a record is about (credential, site, method, origin, path) as its line says it: a use and its end say
/// the same.
std::string subject_fields(const AuditRecord& record);

/// Appends the whole line, newline included, to `out`. Returns its mac. Throws std::invalid_argument where
/// the event is not [a-z_]+.
Mac write_line(const vault::Secret& key, const AuditRecord& record, const Place& place, std::string& out);

/// What stands at fixed places at the front of every record, of a torn one too.
struct Head {
  std::string_view time;
  std::string_view run;
  std::uint64_t seq = 0;
  std::string_view event;
  std::size_t length = 0;  // up to the quote behind the event
};
std::optional<Head> parse_head(std::string_view piece) noexcept;

/// A record's head and tail, with what lies between unread: a mac that fits says that the writer wrote it,
/// and the writer puts these fields at fixed places. A million of them are verified without a JSON parser.
struct Frame : Head {
  std::string_view after;
  std::optional<std::uint64_t> prev_at;
  std::string_view prev;
  std::string_view mac;
  std::string_view signed_part;
  std::string_view middle;  // the fields between head and tail, a comma in front of each
};
std::optional<Frame> parse_frame(std::string_view piece) noexcept;

/// Takes the next piece off a line that is not one record: up to the next record_start.
std::string_view take_piece(std::string_view& line) noexcept;

/// Reads a record's JSON into `entry`, whose strings are used again. False where it is no record.
bool parse_entry(std::string_view piece, AuditEntry& entry);

}  // namespace standin::broker::audit
