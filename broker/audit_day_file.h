#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "broker/audit_files.h"

namespace standin::broker::audit {

/// The file of the day, kept open from record to record. Opened again when the day changes, when the file was
/// deleted (seen before the next write) or moved away (seen within a second).
class DayFile {
 public:
  explicit DayFile(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// Makes sure that the file of `day` is open and in its place. Throws Error(audit_unavailable).
  void open(std::string_view day);

  /// Appends `line`, which ends with a newline, in one write. Returns at which byte it begins, where the
  /// system tells. Throws Error(audit_unavailable) unless all of it was written, or all but the newline.
  std::optional<std::uint64_t> append(std::string_view line);

  [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_; }
  [[nodiscard]] const std::string& day() const noexcept { return day_; }

 private:
  [[nodiscard]] bool is_in_place();
  int end_line() const noexcept;

  std::filesystem::path folder_;
  std::filesystem::path path_;
  std::string day_;
  Descriptor file_;
  std::chrono::steady_clock::time_point looked_;
};

}  // namespace standin::broker::audit
