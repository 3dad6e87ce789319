#include "cli/caller.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>

namespace standin::cli {
namespace {

constexpr unsigned pidfd_thread = 0200;  // PIDFD_THREAD = O_EXCL, Linux 6.9

/// What follows `label` on its line of a file of /proc; 0 where there is none.
unsigned long number_after(const std::string& path, const std::string& label, int base) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(label)) return std::strtoul(line.c_str() + label.size(), nullptr, base);
  }
  return 0;
}

vault::Descriptor open_process(pid_t thread) noexcept {
  const auto open = [](pid_t pid, unsigned flags) {
    return vault::Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, flags)));
  };
  // The thread itself where the kernel can: its descriptor table need not be its process's.
  vault::Descriptor process = open(thread, pidfd_thread);
  if (!process.is_open() && errno == EINVAL) process = open(thread, 0);
  if (!process.is_open() && errno == EINVAL) {  // before 6.9, and not the first thread
    const auto leader =
        static_cast<pid_t>(number_after("/proc/" + std::to_string(thread) + "/status", "Tgid:", 10));
    if (leader > 0) process = open(leader, 0);
  }
  return process;
}

}  // namespace

int Caller::read_address(proxy::SocketAddress& into) const noexcept {
  if (call_.length < 0 || call_.length > static_cast<int>(sizeof into.storage)) return EINVAL;
  into.length = static_cast<socklen_t>(call_.length);
  const iovec ours{&into.storage, into.length};
  const iovec theirs{reinterpret_cast<void*>(call_.address), into.length};  // NOLINT: another's memory
  const ssize_t count = ::process_vm_readv(call_.thread, &ours, 1, &theirs, 1, 0);
  if (count < 0) return errno;
  return static_cast<std::size_t>(count) == into.length ? 0 : EFAULT;
}

int Caller::take_socket(vault::Descriptor& into) const noexcept {
  const vault::Descriptor process = open_process(call_.thread);
  if (!process.is_open()) return errno;
  into = vault::Descriptor(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), call_.socket, 0)));
  return into.is_open() ? 0 : errno;
}

int Caller::look_at_socket(SocketFacts& into) const {
  const std::string process = "/proc/" + std::to_string(call_.thread);
  const std::string path = process + "/fd/" + std::to_string(call_.socket);
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return errno == ENOENT ? EBADF : errno;
  into.inode = status.st_ino;
  into.flags =
      static_cast<int>(number_after(process + "/fdinfo/" + std::to_string(call_.socket), "flags:", 8));
  if (!S_ISSOCK(status.st_mode)) return 0;
  std::array<char, 64> name{};
  const ssize_t length = ::getxattr(path.c_str(), "system.sockprotoname", name.data(), name.size() - 1);
  if (length < 0) return errno;
  into.protocol = name.data();
  return 0;
}

}  // namespace standin::cli
