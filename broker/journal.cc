#include "broker/journal.h"

#include <algorithm>
#include <span>
#include <string_view>

#include "broker/audit_line.h"

namespace standin::broker {
namespace {

/// Of what is owed, in one write: a log that comes back after a long time is no reason for one of megabytes.
constexpr std::size_t most_at_once = 64;

bool is_refusal(const JournalEntry& entry) noexcept { return std::string_view(entry.event) == "refused"; }

AuditRecord record_of(const JournalEntry& entry) {
  AuditRecord record;
  record.event = entry.event;
  record.subject = entry.subject;
  record.status = entry.status;
  record.bytes = entry.bytes;
  record.request_bytes = entry.request_bytes;
  record.duration = entry.duration;
  record.reason = entry.reason;
  record.of = entry.of;
  return record;
}

}  // namespace

JournalEntry::JournalEntry(const char* what, const Subject& about) : event(what) {
  AuditRecord record;
  record.credential = about.credential;
  record.site = about.site;
  record.method = about.method;
  record.origin = about.origin;
  record.path = about.path;
  subject = audit::subject_fields(record);
}

std::uint64_t Journal::write(const JournalEntry& entry) {
  const std::lock_guard lock(mutex_);
  return write_now(&entry);
}

std::uint64_t Journal::book(const JournalEntry& entry) {
  const std::lock_guard lock(mutex_);
  // What is booked stays: while nothing can be written that would be one more with each request.
  if (is_failing_) return write_now(&entry);
  owed_.push_back(entry);
  booked_ = log_.last_seq() + owed_.size();
  return booked_;
}

void Journal::commit(std::uint64_t seq) {
  const std::lock_guard lock(mutex_);
  if (log_.last_seq() < seq) write_now(nullptr);
}

bool Journal::refuse(std::uint64_t seq, unsigned status, std::string_view reason) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t written = log_.last_seq();
  if (seq <= written) return false;
  JournalEntry& entry = owed_.at(seq - written - 1);
  entry.event = "refused";
  entry.status = status;
  entry.reason = reason;
  ++owed_refusals_;
  return true;
}

bool Journal::has_booked() const {
  const std::lock_guard lock(mutex_);
  return !is_failing_ && log_.last_seq() < booked_;
}

bool Journal::write_or_owe(JournalEntry entry) noexcept {
  const std::lock_guard lock(mutex_);
  try {
    write_now(&entry);
    return true;
  } catch (...) {
    owe(std::move(entry));
    return false;
  }
}

void Journal::settle() {
  const std::lock_guard lock(mutex_);
  write_now(nullptr);
}

/// Writes what is owed and then `last`, if there is one; returns the seq of what was written last.
std::uint64_t Journal::write_now(const JournalEntry* last) {
  std::string uncounted;
  for (bool all = false; !all;) {
    batch_.clear();
    const auto owed = std::min(owed_.size(), most_at_once);
    for (const JournalEntry& entry : std::span(owed_).first(owed)) batch_.push_back(record_of(entry));
    all = owed == owed_.size();
    if (all && uncounted_refusals_ > 0) {
      uncounted = "audit_unavailable: " + std::to_string(uncounted_refusals_) +
                  " more refusals while the log could not be written";
      AuditRecord& refusals = batch_.emplace_back();
      refusals.event = "refused";
      refusals.reason = uncounted;
    }
    if (all && last != nullptr) batch_.push_back(record_of(*last));
    if (batch_.empty()) break;
    const Appended appended = log_.append(batch_);
    forget(appended.records);
    is_failing_ = appended.fault.has_value();
    if (appended.fault) throw Error(*appended.fault);
    if (all) return appended.last_seq;
  }
  return 0;
}

/// So many of the last batch stand in the log: first what was owed, then the count of refusals.
void Journal::forget(std::size_t records) noexcept {
  const auto owed = std::min(records, owed_.size());
  const auto end = owed_.begin() + static_cast<std::ptrdiff_t>(owed);
  owed_refusals_ -= static_cast<std::size_t>(std::count_if(owed_.begin(), end, is_refusal));
  owed_.erase(owed_.begin(), end);
  if (records > owed) uncounted_refusals_ = 0;
}

void Journal::put_off(JournalEntry entry) noexcept {
  const std::lock_guard lock(mutex_);
  owe(std::move(entry));
}

// Out of memory ends the process here, as it must: an entry that is neither written nor kept is a hole.
void Journal::owe(JournalEntry entry) {
  const bool refusal = is_refusal(entry);
  if (refusal && owed_refusals_ >= max_owed_refusals) {
    ++uncounted_refusals_;
    return;
  }
  owed_.push_back(std::move(entry));
  if (refusal) ++owed_refusals_;
}

}  // namespace standin::broker
