#include "broker/journal.h"

#include <string_view>

namespace standin::broker {
namespace {

bool is_refusal(const JournalEntry& entry) noexcept { return std::string_view(entry.event) == "refused"; }

AuditRecord record_of(const JournalEntry& entry) {
  AuditRecord record;
  record.event = entry.event;
  record.credential = entry.credential;
  record.site = entry.site;
  record.method = entry.method;
  record.origin = entry.origin;
  record.path = entry.path;
  record.status = entry.status;
  record.bytes = entry.bytes;
  record.request_bytes = entry.request_bytes;
  record.duration = entry.duration;
  record.reason = entry.reason;
  record.of = entry.of;
  return record;
}

}  // namespace

std::uint64_t Journal::write(const JournalEntry& entry) {
  const std::lock_guard lock(mutex_);
  return write_now(entry);
}

bool Journal::write_or_owe(JournalEntry entry) noexcept {
  const std::lock_guard lock(mutex_);
  try {
    write_now(entry);
    return true;
  } catch (...) {
    owe(std::move(entry));
    return false;
  }
}

void Journal::settle() {
  const std::lock_guard lock(mutex_);
  settle_now();
}

std::uint64_t Journal::write_now(const JournalEntry& entry) {
  settle_now();
  return log_.append(record_of(entry));
}

void Journal::settle_now() {
  for (; !owed_.empty(); owed_.pop_front()) {
    log_.append(record_of(owed_.front()));
    if (is_refusal(owed_.front())) --owed_refusals_;
  }
  if (uncounted_refusals_ == 0) return;
  JournalEntry summary("refused");
  summary.reason = "audit_unavailable: " + std::to_string(uncounted_refusals_) +
                   " more refusals while the log could not be written";
  log_.append(record_of(summary));
  uncounted_refusals_ = 0;
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
