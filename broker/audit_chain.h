#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/audit_line.h"
#include "broker/audit_mac.h"
#include "vault/secret.h"

namespace standin::broker::audit {

/// The end of a chain, where its next records go. No I/O, no clock, no lock.
///
///     chain.begin(now);
///     chain.add(record, after);   // ... of each that is to go into the same file with the same write
///     ... write chain.text() to the file of chain.day() ...
///     chain.written(bytes, offset);   // where that failed, the next lines take the same places
class Chain {
 public:
  Chain(vault::Secret key, std::string run, std::string identity);

  [[nodiscard]] bool is_empty() const noexcept { return next_seq_ == 1; }
  [[nodiscard]] std::uint64_t last_seq() const noexcept { return next_seq_ - 1; }
  [[nodiscard]] const std::string& run() const noexcept { return run_; }
  [[nodiscard]] const vault::Secret& key() const noexcept { return key_; }

  /// Forgets lines that were added, and sets the time of those that will be. It is never before that of the
  /// last record, whatever the clock does: a chain must not return into yesterday's file.
  void begin(Time now);
  /// Of the time that was set.
  [[nodiscard]] std::string_view day() const noexcept { return time_text_.substr(0, day_length); }

  /// Makes the next record's line. `after`: of the first record of the chain, DAY/RUN/SEQ or empty. Throws
  /// Error(audit_unavailable) for a line that is too long.
  void add(const AuditRecord& record, std::string_view after = {});
  /// The lines that were added, valid until the next call.
  [[nodiscard]] std::string_view text() const noexcept { return text_; }

  /// So much of text() is in the log, from this byte of its file on. Returns how many records that makes; a
  /// newline may be missing behind the last of them.
  std::size_t written(std::size_t bytes, std::uint64_t at) noexcept;

 private:
  struct Line {
    std::size_t begin;
    std::size_t end;
    Mac mac;
  };

  vault::Secret key_;
  std::string run_;
  std::string identity_;
  std::uint64_t next_seq_ = 1;
  Mac prev_;
  std::optional<std::uint64_t> prev_at_;
  Time last_time_{};

  Time time_{};
  TimeText times_;
  std::string_view time_text_;
  std::string text_;  // this and the next are kept for their memory
  std::vector<Line> lines_;
};

}  // namespace standin::broker::audit
