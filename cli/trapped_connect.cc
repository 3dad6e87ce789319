#include "cli/trapped_connect.h"

#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <cerrno>

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS  // Linux 6.6
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

namespace standin::cli {

TrappedConnects::TrappedConnects(vault::Descriptor listener) : listener_(std::move(listener)) {
  // The caller does nothing but wait for us: hand the processor over, where the kernel can.
  ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
}

TrappedConnects::News TrappedConnects::receive(TrappedConnect& call) {
  for (;;) {
    // RECV would wait, and before Linux 6.6 for ever once the last process is gone: poll says that.
    pollfd line{listener_.get(), POLLIN, 0};
    if (::poll(&line, 1, 0) <= 0) return News::nothing;
    if ((line.revents & POLLIN) == 0) return News::ended;
    seccomp_notif notification{};  // the kernel insists on zeros
    if (::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, &notification) == 0) {
      const auto& arguments = notification.data.args;
      call = {notification.id, static_cast<pid_t>(notification.pid), static_cast<int>(arguments[0]),
              arguments[1], static_cast<std::int32_t>(arguments[2])};
      return News::call;
    }
    // ENOENT: the caller was killed or interrupted since poll() saw it.
    if (errno != ENOENT && errno != EINTR) return News::ended;
  }
}

bool TrappedConnects::is_waiting(std::uint64_t id) const noexcept {
  return ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

bool TrappedConnects::send(std::uint64_t id, int error, std::uint32_t flags) noexcept {
  seccomp_notif_resp answer{};
  answer.id = id;
  answer.error = -error;
  answer.flags = flags;
  int result = 0;
  do {
    result = ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &answer);
  } while (result != 0 && errno == EINTR);
  return result == 0;
}

bool TrappedConnects::answer(std::uint64_t id, int error) noexcept { return send(id, error, 0); }

void TrappedConnects::leave_to_kernel(std::uint64_t id) noexcept {
  send(id, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

int TrappedConnects::replace_socket(const TrappedConnect& call, int socket, int descriptor_flags) noexcept {
  seccomp_notif_addfd replacement{};
  replacement.id = call.id;
  replacement.flags = SECCOMP_ADDFD_FLAG_SETFD;
  replacement.srcfd = static_cast<std::uint32_t>(socket);
  replacement.newfd = static_cast<std::uint32_t>(call.socket);
  replacement.newfd_flags = static_cast<std::uint32_t>(descriptor_flags);
  return ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &replacement) < 0 ? errno : 0;
}

bool can_add_descriptors(int listener) noexcept {
  seccomp_notif_addfd nobodys{};  // no call has this id
  nobodys.srcfd = static_cast<std::uint32_t>(listener);
  return ::ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &nobodys) < 0 && errno == ENOENT;
}

}  // namespace standin::cli
