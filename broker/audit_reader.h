#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/audit_files.h"

/// Reading a day's file while others append to it. By pread, not by mapping: a file that is cut while it is
/// read must not raise SIGBUS.
namespace standin::broker::audit {

struct Line {
  std::string_view text;     // without the newline; valid until the next call
  std::uint64_t offset = 0;  // in the file
  std::uint64_t number = 0;  // from 1
  bool terminated = true;    // false: the file ends here, or the line is longer than any record may be
};

class LineReader {
 public:
  /// Begins at `offset`, where line `number` + 1 begins.
  LineReader(const Descriptor& file, const std::filesystem::path& path, std::uint64_t offset = 0,
             std::uint64_t number = 0);

  std::optional<Line> next();

 private:
  bool fill();
  enum class Ending : std::uint8_t { none, newline };
  Line take(std::size_t length, Ending ending);

  const Descriptor& file_;
  const std::filesystem::path& path_;
  std::vector<char> buffer_;
  std::uint64_t offset_;  // of the buffer's first byte
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t number_;
  bool inside_line_ = false;  // a first part of this line was handed out
};

/// From the last line to the first.
class BackwardReader {
 public:
  BackwardReader(const Descriptor& file, const std::filesystem::path& path, std::uint64_t size);

  /// nullopt at the beginning, or after `budget` bytes, which is counted down.
  std::optional<std::string_view> next(std::uint64_t& budget);

 private:
  bool fill(std::uint64_t& budget);

  const Descriptor& file_;
  const std::filesystem::path& path_;
  std::uint64_t offset_;  // of the buffer's first byte
  std::string buffer_;    // what is not handed out yet
  std::string last_;      // what was
  std::size_t chunk_;
  bool done_ = false;
};

/// Where to begin reading so as to see every record whose time is not before `since`: by bisection.
std::uint64_t find_since(const Descriptor& file, const std::filesystem::path& path, std::string_view since);

}  // namespace standin::broker::audit
