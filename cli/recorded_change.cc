#include "cli/recorded_change.h"

#include "broker/audit_log.h"
#include "cli/messages.h"

namespace standin::cli {
namespace {

broker::AuditRecord record_of(const Change& change) {
  broker::AuditRecord record{};
  record.event = change.event;
  record.command = change.command;
  record.credential = change.credential;
  record.reason = change.reason;
  return record;
}

/// Each record is a chain of its own: a chain of more is a run's, and would lack its end.
void append_alone(const vault::Vault& vault, const Places& places, const Change& change) {
  broker::AuditLog log(places.audit, vault.derive_key("audit"), broker::AuditLog::new_run_id());
  log.append(record_of(change));
}

void record_failure(const vault::Vault& vault, const Places& places, Change change, const std::string& why) {
  change.event = "change_failed";
  const std::string reason = "failed: " + why;
  change.reason = reason;
  try {
    append_alone(vault, places, change);
  } catch (const broker::Error& error) {
    print_warning(std::string("the log now tells of a change that was not made: ") + error.what());
  }
}

}  // namespace

void make_recorded(const vault::Vault& vault, const Places& places, const Change& change,
                   const std::function<void()>& make) {
  append_alone(vault, places, change);
  try {
    make();
  } catch (const std::exception& error) {
    record_failure(vault, places, change, error.what());
    throw;
  }
}

}  // namespace standin::cli
