#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <vector>

#include "vault/descriptor.h"

namespace standin::cli {

enum class Architecture : std::uint8_t { x86_64, arm64 };

/// The seccomp filter of kernel capture (seccomp(2)), as classic BPF over struct seccomp_data.
///
/// connect() is handed over (SECCOMP_RET_USER_NOTIF). What would connect around it gets an error that
/// programs know how to live without: io_uring ENOSYS, MSG_FASTOPEN EOPNOTSUPP, MPTCP sockets
/// EPROTONOSUPPORT, the network calls of the machine's other ABIs (i386, x32; 32-bit ARM) ENOSYS. All else is
/// allowed.
[[nodiscard]] std::vector<sock_filter> connect_filter(Architecture architecture);

/// What became of installing the filter.
struct InstalledFilter {
  vault::Descriptor listener;  // open where it is installed
  int error = 0;               // errno where it is not; EBUSY: a filter of this kind is around us already
};

/// Whether a call that was handed over can be interrupted by signals that do not kill.
enum class Waiting : std::uint8_t {
  killable,       // no (kernel 5.19): as for the call itself with SA_RESTART
  interruptible,  // yes: the call is made again, and asked about again
};

/// Which of these install_connect_filter() gets here.
[[nodiscard]] Waiting waiting_here() noexcept;

/// Puts the calling thread, and all that it will start, under the filter: for good. Sets no_new_privs where
/// the kernel asks for it, which is where we are not root. Async-signal-safe but for its memory.
[[nodiscard]] InstalledFilter install_connect_filter(Waiting wish = Waiting::killable);

}  // namespace standin::cli
