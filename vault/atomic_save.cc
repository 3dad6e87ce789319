#include "vault/atomic_save.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "vault/error.h"
#include "vault/messages.h"
#include "vault/save_steps.h"

namespace standin::vault {
namespace {

constexpr std::chrono::seconds longest_wait{30};
constexpr std::chrono::milliseconds between_tries{5};
constexpr std::size_t piece_bytes = 64 << 10;

std::filesystem::path beside(const std::filesystem::path& target, const char* suffix) {
  std::filesystem::path path = target;
  path += suffix;
  return path;
}

Descriptor open_lock(const std::filesystem::path& path) {
  Descriptor lock(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, S_IRUSR | S_IWUSR));
  if (!lock.is_open()) throw_system_error("opening lock file " + shown(path), errno);
  return lock;
}

// Not a blocking flock(): a stopped process that holds the lock would be a silent hang of all others.
void wait_for_lock(const Descriptor& lock, const std::filesystem::path& path) {
  const auto deadline = std::chrono::steady_clock::now() + longest_wait;
  while (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) throw_system_error("locking " + shown(path), errno);
    if (std::chrono::steady_clock::now() > deadline)
      throw Error(Error::Kind::io, "another process has held the lock " + shown(path) + " for 30 seconds",
                  "find it with 'fuser " + shell_word(path) + "'");
    std::this_thread::sleep_for(between_tries);
  }
}

/// The new file until it is renamed: gone when anything fails.
class NewFile {
 public:
  explicit NewFile(std::filesystem::path path) : path_(std::move(path)), where_(shown(path_)) {
    save_step("before a stale file is removed");
    // A killed process left it: a living one would hold the lock.
    if (::unlink(path_.c_str()) != 0 && errno != ENOENT) throw_system_error("removing " + where_, errno);
    save_step("before the new file is made");
    file_ = Descriptor(
        ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (!file_.is_open()) throw_system_error("making " + where_, errno);
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile() {
    if (!renamed_ && file_.is_open()) ::unlink(path_.c_str());
  }

  void write(View contents) {
    save_step("before the new file is written");
    // The mode before the content, should the umask have taken something away.
    if (::fchmod(file_.get(), S_IRUSR | S_IWUSR) != 0) throw_system_error("making " + where_, errno);
    while (!contents.empty()) {
      const View piece = contents.first(std::min(contents.size(), piece_bytes));
      write_file(file_, piece, where_);
      save_step("after a piece of the new file is written");
      contents = contents.subspan(piece.size());
    }
    sync_file(file_, where_);
    save_step("after the new file is synced");
  }

  Descriptor rename_to(const std::filesystem::path& target) {
    if (::rename(path_.c_str(), target.c_str()) != 0) throw_system_error("replacing " + shown(target), errno);
    renamed_ = true;
    return std::move(file_);
  }

 private:
  std::filesystem::path path_;
  std::string where_;
  Descriptor file_;
  bool renamed_ = false;
};

}  // namespace

AtomicSave::AtomicSave(std::filesystem::path target) : target_(std::move(target)) {
  save_step("before the lock file is opened");
  const std::filesystem::path path = beside(target_, ".lock");
  lock_ = open_lock(path);
  save_step("before the lock is taken");
  wait_for_lock(lock_, path);
  save_step("after the lock is taken");
}

Descriptor AtomicSave::replace(View contents) {
  NewFile file(beside(target_, ".new"));
  file.write(contents);
  Descriptor replaced = file.rename_to(target_);
  save_step("after the rename");
  sync_folder(folder_of(target_));
  save_step("after the folder is synced");
  return replaced;
}

}  // namespace standin::vault
