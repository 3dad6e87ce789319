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

  /// How much of a text is in the file.
  struct Written {
    std::size_t bytes = 0;       // from its beginning
    std::uint64_t at = 0;        // where that stands
    std::optional<Error> fault;  // audit_unavailable: why not all of it, or all but its last newline
  };
  /// Appends `lines`, each ending with a newline, in one write. Out of memory ends the process: a record that
  /// was written must not be taken for one that was not.
  Written append(std::string_view lines) noexcept;

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
