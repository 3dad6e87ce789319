#include "vault/private_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "vault/error.h"
#include "vault/messages.h"

namespace standin::vault {
namespace {

FileIdentity identity_from(const struct stat& status) noexcept {
  return {
      .device = status.st_dev, .inode = status.st_ino, .size = status.st_size, .modified = status.st_mtim};
}

[[noreturn]] void throw_not_ours(const std::string& where, uid_t owner) {
  throw Error(Error::Kind::not_ours, where + " belongs to another user (uid " + std::to_string(owner) + ")",
              "run standin as that user, or set STANDIN_HOME to a folder of your own");
}

[[noreturn]] void throw_needs_chmod(const std::string& complaint, const std::filesystem::path& path) {
  throw Error(Error::Kind::permissions, complaint, "run 'chmod 600 " + shell_word(path) + "'");
}

[[noreturn]] void throw_unopened(const std::filesystem::path& path, const std::string& where, Links links,
                                 const std::string& hint_if_missing, int error) {
  if (error == ENOENT) throw Error(Error::Kind::missing, "there is no " + where, hint_if_missing);
  if (error == ELOOP && links == Links::refuse)
    throw Error(Error::Kind::io, where + " is a symbolic link, which is not followed",
                "name the file that it points to");
  struct stat status {};
  if (error == EACCES && ::stat(path.c_str(), &status) == 0) {
    if (status.st_uid != ::geteuid()) throw_not_ours(where, status.st_uid);
    if ((status.st_mode & S_IRUSR) == 0) throw_needs_chmod(where + " can't be read by its owner", path);
  }
  throw_system_error("opening " + where, error);
}

void check_private(const Descriptor& file, const std::filesystem::path& path, const std::string& where) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw_system_error("looking at " + where, errno);
  if (!S_ISREG(status.st_mode))
    throw Error(Error::Kind::io,
                where + (S_ISDIR(status.st_mode) ? " is a folder" : " is not a regular file"),
                "name the file itself");
  // Before the mode: a chmod is no advice about a stranger's file.
  if (status.st_uid != ::geteuid()) throw_not_ours(where, status.st_uid);
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) throw_needs_chmod(where + " is open to other users", path);
}

}  // namespace

bool FileIdentity::operator==(const FileIdentity& other) const noexcept {
  return device == other.device && inode == other.inode && size == other.size &&
         modified.tv_sec == other.modified.tv_sec && modified.tv_nsec == other.modified.tv_nsec;
}

std::optional<FileIdentity> identity_at(const std::filesystem::path& path) noexcept {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return identity_from(status);
}

FileIdentity identity_of(const Descriptor& file, const std::string& where) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw_system_error("looking at " + where, errno);
  return identity_from(status);
}

Descriptor open_private(const std::filesystem::path& path, const std::string& what, Links links,
                        const std::string& hint_if_missing) {
  const std::string where = what + " " + shown(path);
  // O_NONBLOCK: opening a FIFO that someone put there would wait for ever.
  const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (links == Links::refuse ? O_NOFOLLOW : 0);
  Descriptor file(::open(path.c_str(), flags));
  if (!file.is_open()) throw_unopened(path, where, links, hint_if_missing, errno);
  check_private(file, path, where);
  return file;
}

std::size_t read_file(const Descriptor& file, std::span<std::byte> buffer, const std::string& where) {
  std::size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t n = ::read(file.get(), buffer.data() + done, buffer.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_system_error("reading " + where, errno);
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

void write_file(const Descriptor& file, std::span<const std::byte> bytes, const std::string& where) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(file.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_system_error("writing " + where, errno);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

void sync_file(const Descriptor& file, const std::string& where) {
  if (::fsync(file.get()) != 0) throw_system_error("writing " + where, errno);
}

void sync_folder(const std::filesystem::path& folder) {
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.is_open()) throw_system_error("opening folder " + shown(folder), errno);
  // Some file systems can't, and say EINVAL; there is nothing better to do there.
  if (::fsync(opened.get()) != 0 && errno != EINVAL)
    throw_system_error("syncing folder " + shown(folder), errno);
}

void make_private_folders(const std::filesystem::path& folder) {
  if (folder.empty() || ::access(folder.c_str(), F_OK) == 0) return;
  // "a/b/" has the parent "a/b".
  if (!folder.has_filename()) return make_private_folders(folder.parent_path());
  make_private_folders(folder.parent_path());
  if (::mkdir(folder.c_str(), S_IRWXU) == 0) return sync_folder(folder_of(folder));
  if (errno != EEXIST) throw_system_error("making folder " + shown(folder), errno);
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

}  // namespace standin::vault
