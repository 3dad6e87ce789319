#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/audit_line.h"
#include "broker/audit_mac.h"
#include "vault/secret.h"

namespace standin::broker::audit {

/// The end of a chain, where its next record goes. No I/O, no clock, no lock.
///
///     auto line = chain.make_line(record, chain.next_time(now), after);
///     ... write it ...
///     chain.written(offset);   // not called where the write failed: the next line takes the same place
class Chain {
 public:
  Chain(vault::Secret key, std::string run, std::string identity);

  [[nodiscard]] bool is_empty() const noexcept { return next_seq_ == 1; }
  [[nodiscard]] const std::string& run() const noexcept { return run_; }
  [[nodiscard]] const vault::Secret& key() const noexcept { return key_; }

  /// Never before the last record's, whatever the clock does: a chain must not return into yesterday's file.
  [[nodiscard]] Time next_time(Time now) const noexcept { return now < last_time_ ? last_time_ : now; }

  /// The next record's line, valid until the next call. `after`: of the first one, DAY/RUN/SEQ or empty.
  std::string_view make_line(const AuditRecord& record, Time time, std::string_view after);

  /// The last line made is in the log, at this byte of its file where that is known. Returns its seq.
  std::uint64_t written(std::optional<std::uint64_t> at) noexcept;

 private:
  vault::Secret key_;
  std::string run_;
  std::string identity_;
  std::string line_;  // kept for its memory
  std::uint64_t next_seq_ = 1;
  Mac prev_;
  std::optional<std::uint64_t> prev_at_;
  Time last_time_{};
  Mac made_;
  Time made_time_{};
};

}  // namespace standin::broker::audit
