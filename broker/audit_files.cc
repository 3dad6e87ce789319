#include "broker/audit_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>

#include "proxy/ascii.h"

namespace standin::broker::audit {

namespace {

constexpr std::string_view suffix = ".jsonl";

std::string reason_of(int error) { return std::generic_category().message(error); }

std::string hint_for(int error, const std::filesystem::path& path) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return "make room on the volume of " + path.string() + "; nothing is sent that is not on record";
    case EFBIG:
      return "raise the file-size limit (ulimit -f)";
    case EACCES:
    case EPERM:
      return "give yourself the right to read and write " + path.string() +
             ", or set STANDIN_AUDIT_DIR to a folder of yours";
    case EROFS:
      return "set STANDIN_AUDIT_DIR to a folder on a volume that can be written";
    case ENOTDIR:
    case EEXIST:
    case EISDIR:
    case ELOOP:
    case ENXIO:
      return "move away what stands in the place of " + path.string();
    default:
      return {};
  }
}

[[noreturn]] void throw_unavailable(const std::string& message, const std::string& hint) {
  throw Error(Error::Kind::audit_unavailable, message, hint);
}

/// Whoever can write the log can take records out of it, and whoever can write its folder can put another
/// file there.
void check_owner(const struct stat& status, const std::filesystem::path& path, std::string_view mode) {
  const auto self = ::geteuid();
  if (status.st_uid != self && self != 0) {
    throw_unavailable("the audit log at " + path.string() + " belongs to another user",
                      "set STANDIN_AUDIT_DIR to a folder of yours");
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    throw_unavailable("the audit log at " + path.string() + " can be written by others",
                      "chmod " + std::string(mode) + " " + path.string());
  }
}

void make_folder(const std::filesystem::path& folder) {
  if (::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) return;
  if (errno != ENOENT || !folder.has_relative_path() || folder.parent_path().empty())
    throw_unwritable(folder, errno);
  make_folder(folder.parent_path());
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) throw_unwritable(folder, errno);
}

/// The day of a file called 2026-03-01.jsonl; empty for other names.
std::string_view day_in_name(std::string_view name) noexcept {
  constexpr std::string_view shape = "dddd-dd-dd.jsonl";
  const auto fits = [](char c, char s) { return s == 'd' ? proxy::is_digit(c) : c == s; };
  if (name.size() != shape.size() || !std::ranges::equal(name, shape, fits)) return {};
  return name.substr(0, name.size() - suffix.size());
}

}  // namespace

Error unwritable(const std::filesystem::path& path, int error) {
  return {Error::Kind::audit_unavailable,
          "the audit log at " + path.string() + " can't be written: " + reason_of(error),
          hint_for(error, path)};
}

void throw_unwritable(const std::filesystem::path& path, int error) { throw Error(unwritable(path, error)); }

void throw_unreadable(const std::filesystem::path& path, int error) {
  throw_unavailable("the audit log at " + path.string() + " can't be read: " + reason_of(error),
                    hint_for(error, path));
}

std::filesystem::path file_of_day(const std::filesystem::path& folder, std::string_view day) {
  return folder / std::string(day).append(suffix);
}

std::vector<std::string> list_days(const std::filesystem::path& folder, std::string_view first) {
  const std::unique_ptr<DIR, decltype([](DIR* open) { ::closedir(open); })> listing(
      ::opendir(folder.c_str()));
  if (!listing && errno == ENOENT) return {};
  if (!listing) throw_unreadable(folder, errno);
  std::vector<std::string> days;
  errno = 0;
  while (const auto* entry = ::readdir(listing.get())) {  // NOLINT(concurrency-mt-unsafe): its own stream
    const auto day = day_in_name(entry->d_name);
    if (!day.empty() && day >= first) days.emplace_back(day);
    errno = 0;
  }
  if (errno != 0) throw_unreadable(folder, errno);
  std::ranges::sort(days);
  return days;
}

void prepare_folder(const std::filesystem::path& folder) {
  make_folder(folder);
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.is_open()) throw_unwritable(folder, errno);
  check_owner(status_of(opened, folder), folder, "700");
}

Descriptor open_for_append(const std::filesystem::path& file) {
  // O_NONBLOCK: a FIFO in the file's place is an error, not a wait.
  constexpr int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;
  Descriptor opened(::open(file.c_str(), flags, 0600));
  if (!opened.is_open()) throw_unwritable(file, errno);
  const auto status = status_of(opened, file);
  if (!S_ISREG(status.st_mode)) throw_unwritable(file, ENXIO);
  check_owner(status, file, "600");
  return opened;
}

Descriptor open_for_reading(const std::filesystem::path& file) {
  Descriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!opened.is_open() && errno == ENOENT) return {};
  if (!opened.is_open()) throw_unreadable(file, errno);
  const auto mode = status_of(opened, file).st_mode;
  if (!S_ISREG(mode)) throw_unreadable(file, S_ISDIR(mode) ? EISDIR : ENXIO);
  return opened;
}

struct stat status_of(const Descriptor& file, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw_unreadable(path, errno);
  return status;
}

std::size_t read_at(const Descriptor& file, std::uint64_t offset, char* buffer, std::size_t size,
                    const std::filesystem::path& path) {
  std::size_t filled = 0;
  while (filled < size) {
    const auto count =
        ::pread(file.get(), buffer + filled, size - filled, static_cast<off_t>(offset + filled));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_unreadable(path, errno);
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  return filled;
}

}  // namespace standin::broker::audit
