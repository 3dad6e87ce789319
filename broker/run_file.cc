#include "broker/run_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <system_error>

namespace standin::broker {
namespace {

constexpr std::size_t chunk_bytes = 256 * 1024;  // the system's roots in one read

/// "5ad8a5d6.0", as `openssl rehash` names a certificate.
bool is_hashed_name(std::string_view name) {
  return name.size() >= 10 && name[8] == '.' && name.find_first_not_of("0123456789abcdefABCDEF") == 8 &&
         name.find_first_not_of("0123456789", 9) == std::string_view::npos;
}

}  // namespace

RunFile::RunFile(std::filesystem::path path)
    : path_(std::move(path)),
      file_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)) {
  if (!file_.is_open()) fail(errno);
}

void RunFile::append(std::string_view text) {
  begin_line();
  write(text);
}

void RunFile::append_file(const std::filesystem::path& source) {
  // Not blocking: a pipe or a device in the place of a file must not hold up the start.
  const vault::Descriptor file(::open(source.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat facts {};
  if (!file.is_open() || ::fstat(file.get(), &facts) != 0) return;
  if (S_ISDIR(facts.st_mode)) return append_folder(source);
  const std::pair identity(facts.st_dev, facts.st_ino);
  if (!S_ISREG(facts.st_mode) || std::ranges::find(seen_, identity) != seen_.end()) return;
  seen_.push_back(identity);

  const auto chunk = std::make_unique_for_overwrite<char[]>(chunk_bytes);
  begin_line();
  for (;;) {
    const ssize_t n = ::read(file.get(), chunk.get(), chunk_bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    write({chunk.get(), static_cast<std::size_t>(n)});
  }
}

void RunFile::append_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::vector<std::filesystem::path> names;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (is_hashed_name(entry->path().filename().native())) names.push_back(entry->path());
  }
  std::ranges::sort(names);
  for (const auto& name : names) {
    if (std::filesystem::is_regular_file(name, error)) append_file(name);
  }
}

void RunFile::close() {
  if (::close(file_.release()) != 0) fail(errno);
}

void RunFile::begin_line() {
  if (last_ != '\n') write("\n");
}

void RunFile::write(std::string_view bytes) {
  if (!bytes.empty()) last_ = bytes.back();
  while (!bytes.empty()) {
    const ssize_t n = ::write(file_.get(), bytes.data(), bytes.size());
    if (n < 0 && errno != EINTR) fail(errno);
    if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void RunFile::fail(int error) const {
  throw Error(Error::Kind::io,
              "cannot write " + path_.string() + ": " + std::generic_category().message(error),
              error == ENOSPC || error == EDQUOT
                  ? "free some space there, or name another folder with XDG_RUNTIME_DIR"
                  : "");
}

}  // namespace standin::broker
