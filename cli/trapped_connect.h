#pragma once

#include <sys/types.h>

#include <cstdint>

#include "vault/descriptor.h"

namespace standin::cli {

/// A connect(2) of a process under the filter, which waits in the kernel for an answer.
struct TrappedConnect {
  std::uint64_t id = 0;
  pid_t thread = 0;           // who called; a number that may be another's when the call has ended
  int socket = -1;            // in the caller's descriptor table
  std::uint64_t address = 0;  // of a sockaddr, in the caller's memory
  std::int32_t length = 0;    // of it, as the caller says
};

/// The listener of a seccomp filter (seccomp_unotify(2)). One thread at a time. Answers are lost, which is no
/// fault, where the call has ended meanwhile: its thread was killed, or interrupted.
class TrappedConnects {
 public:
  explicit TrappedConnects(vault::Descriptor listener);

  enum class News : std::uint8_t {
    call,
    nothing,  // for now
    ended,    // no process is under the filter any more
  };
  /// Never waits.
  News receive(TrappedConnect& call);

  /// Whether the call waits still: what was read of the caller before is of that very process then.
  [[nodiscard]] bool is_waiting(std::uint64_t id) const noexcept;

  /// connect() returns: 0, or fails with this errno. False where it does not wait any more.
  bool answer(std::uint64_t id, int error) noexcept;
  /// The kernel does it, with the arguments that it finds then: another thread may have changed them.
  void leave_to_kernel(std::uint64_t id) noexcept;
  /// Puts `socket` in place of the caller's; returns errno. Kernel 5.9.
  int replace_socket(const TrappedConnect& call, int socket, int descriptor_flags) noexcept;

  /// Readable when there is a call.
  [[nodiscard]] int descriptor() const noexcept { return listener_.get(); }

 private:
  bool send(std::uint64_t id, int error, std::uint32_t flags) noexcept;

  vault::Descriptor listener_;
};

/// Whether the kernel can do what replace_socket() asks of it.
[[nodiscard]] bool can_add_descriptors(int listener) noexcept;

}  // namespace standin::cli
