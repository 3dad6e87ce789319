#include "broker/audit_log.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <stdexcept>
#include <vector>

#include <sodium.h>

#include "broker/audit_day_file.h"
#include "broker/audit_line.h"
#include "broker/audit_tail.h"

namespace standin::broker {

namespace {

/// The name of the effective user, or its number: from the system, not from USER, which anybody sets.
std::string user_name() {
  const auto uid = ::geteuid();
  std::vector<char> buffer(16 << 10);
  struct passwd entry {};
  struct passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
    return found->pw_name;
  return std::to_string(uid);
}

audit::Time now() { return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()); }

}  // namespace

struct AuditLog::State {
  State(std::filesystem::path folder, vault::Secret audit_key, std::string id)
      : key(std::move(audit_key)),
        run(std::move(id)),
        identity(audit::identity_fields(user_name(), ::getpid())),
        prev(audit::Mac::of_chain(key, run)),
        file(std::move(folder)) {}

  std::uint64_t append(const AuditRecord& record);

  std::mutex mutex;
  const vault::Secret key;
  const std::string run;
  const std::string identity;
  // The chain's end: what the next record follows. Changed only when a record was wholly written.
  std::uint64_t next_seq = 1;
  audit::Mac prev;
  std::optional<std::uint64_t> prev_at;
  audit::Time last_time{};

  audit::DayFile file;
  std::string line;  // kept for its memory
};

std::uint64_t AuditLog::State::append(const AuditRecord& record) {
  const std::lock_guard lock(mutex);
  // Never back, whatever the clock does: a chain must not return into yesterday's file.
  const auto time = std::max(now(), last_time);
  const auto time_text = audit::format_time(time);
  file.open(std::string_view(time_text).substr(0, audit::day_length));

  std::string after;
  if (next_seq == 1) after = audit::find_last_record(file.folder(), file.day(), key);
  const auto mac =
      audit::write_line(key, record, {time_text, run, next_seq, identity, after, prev_at, prev.text()}, line);
  if (line.size() > audit::max_line_bytes) {
    throw Error(Error::Kind::audit_unavailable,
                "a record of more than 4 MiB can't be written to the audit log");
  }
  prev_at = file.append(line);
  prev = mac;
  last_time = time;
  return next_seq++;
}

AuditLog::AuditLog(std::filesystem::path folder, vault::Secret key, std::string run) {
  if (::sodium_init() < 0) throw Error(Error::Kind::audit_unavailable, "libsodium can't be used");
  if (!audit::is_run_id(run)) throw std::invalid_argument("a run's id is 16 hex digits");
  state_ = std::make_unique<State>(std::move(folder), std::move(key), std::move(run));
  state_->file.open(audit::format_time(now()).substr(0, audit::day_length));
}

AuditLog::~AuditLog() = default;

std::uint64_t AuditLog::append(const AuditRecord& record) { return state_->append(record); }

const std::string& AuditLog::run() const noexcept { return state_->run; }

std::string AuditLog::new_run_id() {
  if (::sodium_init() < 0) throw Error(Error::Kind::audit_unavailable, "libsodium can't be used");
  const auto second =
      static_cast<std::uint32_t>(std::chrono::floor<std::chrono::seconds>(now()).time_since_epoch().count());
  std::array<unsigned char, 8> bytes;
  for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<unsigned char>(second >> (24 - 8 * i));
  ::randombytes_buf(bytes.data() + 4, 4);
  std::array<char, 2 * bytes.size() + 1> hex;
  return ::sodium_bin2hex(hex.data(), hex.size(), bytes.data(), bytes.size());
}

}  // namespace standin::broker
