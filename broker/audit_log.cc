#include "broker/audit_log.h"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <mutex>
#include <stdexcept>
#include <vector>

#include <sodium.h>

#include "broker/audit_chain.h"
#include "broker/audit_day_file.h"
#include "broker/audit_tail.h"

namespace standin::broker {

namespace {

/// The name of the effective user, or its number: from the system, not from USER, which anybody sets.
std::string look_up_user() {
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
  std::mutex mutex;
  audit::Chain chain;
  audit::DayFile file;
};

const std::string& AuditLog::user_name() {
  static const std::string name = look_up_user();
  return name;
}

AuditLog::AuditLog(std::filesystem::path folder, vault::Secret key, std::string run) {
  if (::sodium_init() < 0) throw Error(Error::Kind::audit_unavailable, "libsodium can't be used");
  if (!audit::is_run_id(run)) throw std::invalid_argument("a run's id is 16 hex digits");
  auto identity = audit::identity_fields(AuditLog::user_name(), ::getpid());
  state_.reset(new State{
      {}, {std::move(key), std::move(run), std::move(identity)}, audit::DayFile(std::move(folder))});
  state_->file.open(audit::day_of(now()));
}

AuditLog::~AuditLog() = default;

std::uint64_t AuditLog::append(const AuditRecord& record) {
  auto appended = append({&record, 1});
  if (appended.fault) throw Error(*std::move(appended.fault));
  return appended.last_seq;
}

Appended AuditLog::append(std::span<const AuditRecord> records) {
  const std::lock_guard lock(state_->mutex);
  auto& [mutex, chain, file] = *state_;
  try {
    chain.begin(now());
    file.open(chain.day());
    const auto after =
        chain.is_empty() ? audit::find_last_record(file.folder(), file.day(), chain.key()) : std::string();
    for (const AuditRecord& record : records) chain.add(record, after);
    auto written = file.append(chain.text());
    const auto count = chain.written(written.bytes, written.at);
    return {count, chain.last_seq(), std::move(written.fault)};
  } catch (const Error& error) {
    return {0, chain.last_seq(), error};
  }
}

const std::string& AuditLog::run() const noexcept { return state_->chain.run(); }

std::uint64_t AuditLog::last_seq() const noexcept {
  const std::lock_guard lock(state_->mutex);
  return state_->chain.last_seq();
}

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
