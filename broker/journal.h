#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "broker/audit_log.h"

namespace standin::broker {

/// What a record is about. Redacted.
struct Subject {
  std::string_view credential = {}, site = {}, method = {}, origin = {}, path = {};
};

/// An AuditRecord that owns its texts, for one that is written later than it is made.
struct JournalEntry {
  explicit JournalEntry(const char* what, const Subject& about = {});
  const char* event;
  std::string subject;  // audit::subject_fields()
  std::string reason;
  std::optional<unsigned> status;
  std::optional<std::uint64_t> bytes, request_bytes, of;
  std::optional<std::chrono::microseconds> duration;
};

/// The broker's way into the audit log. What happened and is not written down yet is owed: it is kept, in
/// order, and written before anything else is, in one write with that, so that nothing new is let through
/// until it stands there. It is owed because it could not be written, or because it may wait (put_off()).
///
/// Refusals are owed up to a bound, because a child can make as many as it likes while the disk is full;
/// past it they are counted, and the count is written. Thread-safe: what the proxy saw and what kernel
/// capture saw are one log.
class Journal {
 public:
  static constexpr std::size_t max_owed_refusals = 1000;

  explicit Journal(AuditLog& log) : log_(log) {}

  /// Writes what is owed, then `entry`; returns its seq. Throws Error(audit_unavailable), `entry` not being
  /// owed then: what it speaks of must not happen.
  std::uint64_t write(const JournalEntry& entry);
  /// Owes it, and returns the seq that it will have: it is on record when commit() returned. Throws as
  /// write() does where the log could not be written last.
  std::uint64_t book(const JournalEntry& entry);
  /// Writes what is owed, up to `seq` at least, if that has not been done. Throws Error(audit_unavailable):
  /// what it speaks of must not happen, and the entry keeps its place all the same, as others count on
  /// theirs.
  void commit(std::uint64_t seq);
  /// Makes of a booked entry that it was refused. False: it is written already.
  bool refuse(std::uint64_t seq, unsigned status, std::string_view reason);
  /// Something was booked and is about to be committed.
  [[nodiscard]] bool has_booked() const;
  /// Writes it, or owes it. False where it is owed.
  bool write_or_owe(JournalEntry entry) noexcept;
  /// Owes it until the next write, or until settle(), which must be soon: a process that is killed meanwhile
  /// leaves no record of it.
  void put_off(JournalEntry entry) noexcept;
  /// Writes what is owed. Throws Error(audit_unavailable).
  void settle();

 private:
  std::uint64_t write_now(const JournalEntry* last);
  void forget(std::size_t records) noexcept;
  void owe(JournalEntry entry);

  AuditLog& log_;
  mutable std::mutex mutex_;
  std::vector<JournalEntry> owed_;
  std::vector<AuditRecord> batch_;  // kept for its memory
  std::size_t owed_refusals_ = 0;
  std::uint64_t uncounted_refusals_ = 0;
  std::uint64_t booked_ = 0;  // the last seq that was promised
  bool is_failing_ = false;   // the last write did
};

}  // namespace standin::broker
