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

void record_failure(broker::AuditLog& log, Change change, std::string_view why) {
  change.event = "change_failed";
  change.reason = why;
  try {
    log.append(record_of(change));
  } catch (const broker::Error& error) {
    print_warning(std::string("the log now tells of a change that was not made: ") + error.what());
  }
}

}  // namespace

void make_recorded(const vault::Vault& vault, const Places& places, const Change& change,
                   const std::function<void()>& make) {
  broker::AuditLog log(places.audit, vault.derive_key("audit"), broker::AuditLog::new_run_id());
  log.append(record_of(change));
  try {
    make();
  } catch (const std::exception& error) {
    record_failure(log, change, error.what());
    throw;
  }
}

}  // namespace standin::cli
