#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "broker/error.h"
#include "vault/secret.h"

namespace standin::broker {

/// One record, before it gets its place in a chain. Empty strings and nullopt are left out of the line.
/// Nothing in it may ever hold a secret or a stand-in: whoever fills it redacts first. Hostile bytes are
/// welcome.
struct AuditRecord {
  /// run_started, use, use_done, refused, tunnel, run_ended, credential_added, ...: [a-z_]+. A run begins
  /// with run_started and ends with run_ended. use_done repeats credential, method, origin and path of its
  /// use.
  std::string_view event;
  std::string_view command;
  std::string_view credential;
  std::string_view site;
  std::string_view method;
  std::string_view origin;
  std::string_view path;
  std::string_view subject;  // these five as audit::subject_fields() made them, instead of them
  std::optional<unsigned> status;
  std::optional<std::uint64_t> bytes;          // response body, as received
  std::optional<std::uint64_t> request_bytes;  // request body, as sent
  std::optional<std::chrono::microseconds> duration;
  std::string_view reason;          // a code, possibly followed by ": " and a sentence
  std::optional<std::uint64_t> of;  // use_done: the seq of the use it ends
};

/// How far an append of several records came.
struct Appended {
  std::size_t records = 0;     // so many are in the log, the first ones
  std::uint64_t last_seq = 0;  // the chain's last
  std::optional<Error> fault;  // audit_unavailable: why not all of them
};

/// The writer of one chain: the records of one run, or of one vault command (docs/audit-format.md).
///
/// append() writes lines with one write() at the end of today's file (O_APPEND), so that many processes
/// share a file and none waits for another. Each record carries the mac of the one before it. When append()
/// returns, the records are with the kernel: they survive this process being killed. Thread-safe.
class AuditLog {
 public:
  /// `run` names the chain: new_run_id(), or it throws std::invalid_argument. `key`:
  /// Vault::derive_key("audit"). The folder is made, 0700. Throws Error(audit_unavailable) where it can't be
  /// written, or others can write it.
  AuditLog(std::filesystem::path folder, vault::Secret key, std::string run);
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  /// Returns the record's seq. Throws Error(audit_unavailable) with path and reason when it is not wholly
  /// written; the chain then goes on from the last whole record. Where a file-size limit can be met, the
  /// process has to ignore SIGXFSZ.
  std::uint64_t append(const AuditRecord& record);
  /// All of them in one write: cheaper than one by one, and they stand together. Throws no Error.
  Appended append(std::span<const AuditRecord> records);

  [[nodiscard]] const std::string& run() const noexcept;
  /// Of the record that was written last; 0: none yet. The next one's is one more.
  [[nodiscard]] std::uint64_t last_seq() const noexcept;

  /// Whose records these are, looked up once: that may ask a daemon (nscd, sssd), so whoever is about to
  /// close its memory asks before. Inside of another run, its supervisor lets no closed process connect.
  static const std::string& user_name();

  /// 16 lower-case hex characters, time first, so that ids sort by start.
  static std::string new_run_id();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace standin::broker
