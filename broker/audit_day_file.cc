#include "broker/audit_day_file.h"

#include <unistd.h>

#include <cerrno>

#include "broker/error.h"

namespace standin::broker::audit {

namespace {

constexpr std::chrono::seconds look_interval(1);

ssize_t write_once(int fd, std::string_view bytes) noexcept {
  ssize_t written = 0;
  do {
    written = ::write(fd, bytes.data(), bytes.size());
  } while (written < 0 && errno == EINTR);
  return written;
}

}  // namespace

void DayFile::open(std::string_view day) {
  if (file_.is_open() && day == day_ && is_in_place()) return;
  prepare_folder(folder_);  // again: it may have been removed with its files
  auto path = file_of_day(folder_, day);
  file_ = open_for_append(path);
  path_ = std::move(path);
  day_ = day;
  looked_ = std::chrono::steady_clock::now();
}

bool DayFile::is_in_place() {
  struct stat ours {};
  if (::fstat(file_.get(), &ours) != 0 || ours.st_nlink == 0) return false;
  const auto now = std::chrono::steady_clock::now();
  if (now - looked_ < look_interval) return true;
  struct stat there {};
  if (::stat(path_.c_str(), &there) != 0 || there.st_ino != ours.st_ino || there.st_dev != ours.st_dev)
    return false;
  looked_ = now;  // not before: a file that was moved away stays so where no other can be opened
  return true;
}

std::optional<std::uint64_t> DayFile::append(std::string_view line) {
  const auto written = write_once(file_.get(), line);
  if (written < 0) throw_unwritable(path_, errno);
  const auto count = static_cast<std::size_t>(written);
  const auto end = ::lseek(file_.get(), 0, SEEK_CUR);  // O_APPEND leaves it behind what was written
  if (count + 1 < line.size()) {
    // A full disk, most likely. Cutting the piece off again could cut another process's record: it stays, as
    // a line of its own where there is room for the newline, and trying that tells the reason.
    const int error = end_line();
    throw_unwritable(path_, error != 0 ? error : ENOSPC);
  }
  if (count < line.size()) end_line();
  if (end < written) return std::nullopt;
  return static_cast<std::uint64_t>(end - written);
}

int DayFile::end_line() const noexcept { return write_once(file_.get(), "\n") < 0 ? errno : 0; }

}  // namespace standin::broker::audit
