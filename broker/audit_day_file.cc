#include "broker/audit_day_file.h"

#include <unistd.h>

#include <cerrno>

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

DayFile::Written DayFile::append(std::string_view lines) noexcept {
  const auto count = write_once(file_.get(), lines);
  if (count < 0) return {0, 0, unwritable(path_, errno)};
  const auto end = ::lseek(file_.get(), 0, SEEK_CUR);  // O_APPEND leaves it behind what was written
  Written written{static_cast<std::size_t>(count), static_cast<std::uint64_t>(end - count), std::nullopt};
  if (written.bytes == lines.size()) return written;
  // A full disk, most likely. Cutting the piece off again could cut another process's record: it stays, as
  // a line of its own where there is room for the newline, and trying that tells the reason.
  const bool torn = count > 0 && lines[written.bytes - 1] != '\n';
  const int error = torn ? end_line() : 0;
  if (written.bytes + 1 < lines.size()) written.fault = unwritable(path_, error != 0 ? error : ENOSPC);
  return written;
}

int DayFile::end_line() const noexcept { return write_once(file_.get(), "\n") < 0 ? errno : 0; }

}  // namespace standin::broker::audit
