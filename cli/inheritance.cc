#include "cli/inheritance.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>

#include "cli/error.h"

namespace standin::cli {
namespace {

// O_PATH neither reads nor writes: both fail with EBADF, as they do where nothing is open.
int open_placeholder() { return ::open("/", O_PATH | O_CLOEXEC); }

void hold_closed_standard_descriptors() {
  for (int number = STDIN_FILENO; number <= STDERR_FILENO; ++number) {
    if (::fcntl(number, F_GETFD) >= 0) continue;
    // The lowest free number is this one: those below are open by now.
    if (open_placeholder() != number) {
      throw Error(Error::Kind::environment, "cannot hold the closed descriptor " + std::to_string(number) +
                                                ": " + std::generic_category().message(errno));
    }
  }
}

// Without /proc nothing is found, and standin merely holds copies of what it passes on.
std::vector<int> open_descriptors_from(int lowest) {
  std::vector<int> found;
  const std::unique_ptr<DIR, decltype([](DIR* folder) { ::closedir(folder); })> folder(
      ::opendir("/proc/self/fd"));
  if (!folder) return found;
  while (const dirent* entry = ::readdir(folder.get())) {
    const int number = std::atoi(entry->d_name);  // "." and ".." are 0
    if (number >= lowest && number != ::dirfd(folder.get())) found.push_back(number);
  }
  return found;
}

}  // namespace

Inheritance Inheritance::take() {
  hold_closed_standard_descriptors();
  Inheritance start;
  start.passed_on_ = open_descriptors_from(STDERR_FILENO + 1);
  ::sigprocmask(SIG_SETMASK, nullptr, &start.mask_);
  ::sigaction(SIGCHLD, nullptr, &start.on_child_end_);
  ::sigaction(SIGPIPE, nullptr, &start.on_broken_pipe_);
  return start;
}

void Inheritance::restore_mask() const noexcept { ::sigprocmask(SIG_SETMASK, &mask_, nullptr); }

void Inheritance::restore_signals() const noexcept {
  ::sigaction(SIGCHLD, &on_child_end_, nullptr);
  ::sigaction(SIGPIPE, &on_broken_pipe_, nullptr);
  restore_mask();
}

void Inheritance::give_up_descriptors() const noexcept {
  if (const int placeholder = open_placeholder(); placeholder >= 0) {
    ::dup3(placeholder, STDIN_FILENO, O_CLOEXEC);
    ::dup3(placeholder, STDOUT_FILENO, O_CLOEXEC);
    ::close(placeholder);
  }
  for (const int number : passed_on_) ::close(number);
}

}  // namespace standin::cli
