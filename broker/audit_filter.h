#pragma once

#include <string>
#include <string_view>

#include "broker/audit_query.h"

namespace standin::broker::audit {

/// An AuditFilter made ready for a million lines: what can be told from a line's bytes is, before its JSON is
/// read.
class Matcher {
 public:
  explicit Matcher(AuditFilter filter);

  /// Reads the record into `entry` and says whether it matches. False, too, where the line is no record.
  bool matches(std::string_view line, AuditEntry& entry) const;

  /// `since` as a record has it, or empty.
  [[nodiscard]] const std::string& since() const noexcept { return since_; }
  /// The day of `since`, before which no file need be opened.
  [[nodiscard]] std::string_view first_day() const noexcept;
  /// Where to begin in a file: some seconds before `since`, since records are only nearly in order.
  [[nodiscard]] const std::string& begin() const noexcept { return begin_; }

 private:
  [[nodiscard]] bool may_match(std::string_view piece) const noexcept;
  [[nodiscard]] bool has_outcome(const AuditEntry& entry) const;
  [[nodiscard]] bool has_origin(const AuditEntry& entry) const;

  AuditFilter filter_;
  std::string since_;
  std::string begin_;
};

}  // namespace standin::broker::audit
