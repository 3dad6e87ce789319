#include "cli/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "cli/error.h"
#include "cli/messages.h"
#include "cli/places.h"

namespace standin::cli {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view prefix = "run-";

/// The lock of the folder at `path` itself, not of what a link there points to. None where another has it
/// (`mode` LOCK_NB) or there is no such folder any more.
vault::Descriptor lock_folder(const fs::path& path, int mode) {
  vault::Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder.is_open() || ::flock(folder.get(), LOCK_EX | mode) != 0) return {};
  // Between open and lock a run that clears up may have removed it; then there is none at `path`, or a new
  // one.
  struct stat locked {};
  struct stat there {};
  const bool same = ::fstat(folder.get(), &locked) == 0 && ::lstat(path.c_str(), &there) == 0 &&
                    locked.st_dev == there.st_dev && locked.st_ino == there.st_ino;
  return same ? std::move(folder) : vault::Descriptor();
}

void remove_dead_runs(const fs::path& base) {
  std::error_code ignored;  // what can't be removed now is the next run's to try
  for (const fs::directory_entry& entry : fs::directory_iterator(base, ignored)) {
    if (!entry.path().filename().native().starts_with(prefix)) continue;
    const vault::Descriptor lock = lock_folder(entry.path(), LOCK_NB);
    if (lock.is_open()) fs::remove_all(entry.path(), ignored);
  }
}

[[noreturn]] void fail(const fs::path& path, int reason) {
  throw Error(Error::Kind::environment, "cannot make the run's folder " + in_quotes(path.native()) + ": " +
                                            std::generic_category().message(reason));
}

}  // namespace

RunFolder::RunFolder(const fs::path& base, std::string_view run_id)
    : path_(base / (std::string(prefix).append(run_id))) {
  if (run_id.empty() || run_id.find('/') != std::string_view::npos) fail(path_, EINVAL);
  make_private_folder(base);
  remove_dead_runs(base);
  // A folder that is not locked yet looks dead to a run that starts in this moment and removes it: once more
  // then.
  while (!lock_.is_open()) {
    if (::mkdir(path_.c_str(), 0700) != 0) fail(path_, errno);
    lock_ = lock_folder(path_, 0);
  }
}

RunFolder::~RunFolder() {
  std::error_code ignored;  // left behind, it is the next run's to remove
  fs::remove_all(path_, ignored);
}

}  // namespace standin::cli
