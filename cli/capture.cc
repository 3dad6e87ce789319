#include "cli/capture.h"

#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <sstream>
#include <system_error>

#include "cli/process_handle.h"
#include "cli/trapped_connect.h"

namespace standin::cli {
namespace {

std::string text_of(int error) { return std::generic_category().message(error); }

/// Why the kernel gave no listener.
std::string why_no_filter(int error) {
  switch (error) {
    case EBUSY:
      return "another supervisor answers for this process already, as inside of another run";
    case EINVAL:
    case ENOSYS:
      return "this kernel has no seccomp user notification (Linux 5.5 and later do)";
    case EACCES:
    case EPERM:
      return "the system denies seccomp filters";
    default:
      return "the filter could not be installed: " + text_of(error);
  }
}

/// What is in both processes at the same place, because one was forked from the other.
constexpr std::array<char, 8> landmark{'s', 't', 'a', 'n', 'd', 'i', 'n', '\n'};

int try_reading(pid_t child) noexcept {
  std::array<char, landmark.size()> copy{};
  const iovec ours{copy.data(), copy.size()};
  const iovec theirs{const_cast<char*>(landmark.data()), landmark.size()};
  const ssize_t count = ::process_vm_readv(child, &ours, 1, &theirs, 1, 0);
  if (count < 0) return errno;
  return copy == landmark ? 0 : EFAULT;
}

/// Whether the child's descriptors can be duplicated: tried on one that every process here has.
int try_duplicating(pid_t child) noexcept {
  const ProcessHandle process(child);
  if (!process.is_open()) return errno;
  const vault::Descriptor copy(
      static_cast<int>(::syscall(SYS_pidfd_getfd, process.descriptor(), STDERR_FILENO, 0)));
  return copy.is_open() ? 0 : errno;
}

/// Whether sockets can be told apart from outside and replaced.
bool can_replace(pid_t child, int listener) {
  const std::string path = "/proc/" + std::to_string(child) + "/fd/" + std::to_string(STDERR_FILENO);
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && can_add_descriptors(listener);
}

/// What can be done with a child that is under the filter.
Capture judge(pid_t child, InstalledFilter filter) {
  Capture capture;
  if (!filter.listener.is_open()) {
    capture.why = why_no_filter(filter.error);
    capture.is_nested = filter.error == EBUSY;
    return capture;
  }
  if (const int error = try_reading(child); error != 0) {
    capture.why = "the system forbids looking into one's own child (" + text_of(error) +
                  "; kernel.yama.ptrace_scope, or a container's profile)";
    return capture;
  }
  if (const int error = try_duplicating(child); error != 0) {
    capture.why = "descriptors can't be duplicated here (pidfd_getfd: " + text_of(error) + ")";
    if (!can_replace(child, filter.listener.get())) return capture;
    capture.access = SocketAccess::replaced;
    capture.why += ", so sockets are replaced";
  }
  capture.by = Capture::By::kernel;
  capture.listener = std::move(filter.listener);
  return capture;
}

std::string found_in_path(const std::string& command) {
  if (command.find('/') != std::string::npos) return command;
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): one thread
  std::istringstream folders(path != nullptr ? path : "/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::string file = (folder.empty() ? "." : folder) + "/" + command;
    if (::access(file.c_str(), X_OK) == 0) return file;
  }
  return {};
}

}  // namespace

std::string Capture::reason() const {
  std::string text = by == By::kernel ? "capture_kernel" : "capture_environment";
  if (!why.empty()) text.append(": ").append(why);
  return text;
}

std::pair<WaitingChild, Capture> fork_captured(const Inheritance& start, const std::function<void()>& forget,
                                               CaptureWish wish) {
  using Filter = WaitingChild::Filter;
  if (wish == CaptureWish::environment) {
    Capture capture;
    // Whose filter is around us isn't known without asking for one of our own: it may be another run's.
    capture.is_nested = ::prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER;
    return {WaitingChild::fork(start, forget), std::move(capture)};
  }
  WaitingChild child = WaitingChild::fork(start, forget, Filter::installed);
  InstalledFilter filter = child.take_listener();
  const bool is_under_filter = filter.listener.is_open();
  Capture capture = judge(child.pid(), std::move(filter));
  if (is_under_filter && capture.by == Capture::By::environment) {
    child.give_up();
    return {WaitingChild::fork(start, forget), std::move(capture)};
  }
  return {std::move(child), std::move(capture)};
}

Capture probe_capture() {
  const Inheritance start = Inheritance::take();
  auto [child, capture] = fork_captured(
      start, [] { ::prctl(PR_SET_DUMPABLE, 1); }, CaptureWish::kernel);
  child.give_up();
  return std::move(capture);
}

bool gains_privileges(const std::string& command) {
  const std::string file = found_in_path(command);
  struct stat status {};
  if (file.empty() || ::stat(file.c_str(), &status) != 0) return false;
  if ((status.st_mode & S_ISUID) != 0) return true;
  if ((status.st_mode & S_ISGID) != 0 && (status.st_mode & S_IXGRP) != 0) return true;
  return ::getxattr(file.c_str(), "security.capability", nullptr, 0) > 0;
}

bool filter_takes_privileges() noexcept {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return true;
  return (data[CAP_SYS_ADMIN / 32].effective & (1U << (CAP_SYS_ADMIN % 32))) == 0;
}

}  // namespace standin::cli
