#include "cli/connect_filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <initializer_list>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)  // Linux 5.19
#endif

namespace standin::cli {
namespace {

constexpr std::uint32_t hand_over = SECCOMP_RET_USER_NOTIF;
constexpr std::uint32_t allow = SECCOMP_RET_ALLOW;
constexpr std::uint32_t fail_with(int error) {
  return SECCOMP_RET_ERRNO | (static_cast<std::uint32_t>(error) & SECCOMP_RET_DATA);
}

/// The numbers of the calls that matter, of one ABI. Not <asm/unistd.h>: both filters are built, and tested,
/// on either machine.
struct CallNumbers {
  std::uint32_t connect, socket, sendto, sendmsg, sendmmsg, io_uring_setup;
};
constexpr CallNumbers x86_64_calls{42, 41, 44, 46, 307, 425};
constexpr CallNumbers arm64_calls{203, 198, 206, 211, 269, 425};
// connect, sendto, sendmsg, sendmmsg, io_uring_setup; on i386 socketcall, which is all of them, too.
constexpr std::initializer_list<std::uint32_t> i386_network_calls{102, 362, 369, 370, 345, 425};
constexpr std::initializer_list<std::uint32_t> arm_network_calls{283, 290, 296, 374, 425};
constexpr std::uint32_t mptcp = 262;  // IPPROTO_MPTCP, which older headers lack
constexpr std::uint32_t x32_bit = 0x40000000;

/// A BPF program written as rules. The call's number is in the accumulator wherever a rule begins: one that
/// loads something else returns, either way.
class Rules {
 public:
  void begin_calls() { load(offsetof(seccomp_data, nr)); }

  void load(std::size_t offset) {
    program_.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)));
  }
  void answer(std::uint32_t verdict) { program_.push_back(BPF_STMT(BPF_RET | BPF_K, verdict)); }
  void unless_equal(std::uint32_t value, std::uint8_t skip) {
    program_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip));
  }

  void when_call(std::uint32_t number, std::uint32_t verdict) {
    unless_equal(number, 1);
    answer(verdict);
  }
  void when_call_from(std::uint32_t first, std::uint32_t verdict) {
    program_.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first, 0, 1));
    answer(verdict);
  }
  /// Arguments are read as the kernel reads these: an int is the lower half of the register.
  void when_argument_has(std::uint32_t number, unsigned argument, std::uint32_t bits, std::uint32_t verdict) {
    unless_equal(number, 4);
    load(lower_half(argument));
    program_.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1));
    answer(verdict);
    answer(allow);
  }
  void when_argument_is(std::uint32_t number, unsigned argument, std::uint32_t value, std::uint32_t verdict) {
    unless_equal(number, 4);
    load(lower_half(argument));
    unless_equal(value, 1);
    answer(verdict);
    answer(allow);
  }

  [[nodiscard]] std::size_t size() const noexcept { return program_.size(); }
  /// Makes the jump at `at` skip to here where it is not taken.
  void skip_to_here(std::size_t at) { program_[at].jf = static_cast<std::uint8_t>(size() - at - 1); }
  std::vector<sock_filter> take() { return std::move(program_); }

 private:
  // Both architectures are little-endian.
  static std::size_t lower_half(unsigned argument) { return offsetof(seccomp_data, args) + 8 * argument; }

  std::vector<sock_filter> program_;
};

/// The kernel's other ABI: no network, the rest untouched.
void add_foreign_calls(Rules& rules, std::uint32_t architecture,
                       std::initializer_list<std::uint32_t> network_calls) {
  const std::size_t jump = rules.size();
  rules.unless_equal(architecture, 0);
  rules.begin_calls();
  for (const std::uint32_t number : network_calls) rules.when_call(number, fail_with(ENOSYS));
  rules.answer(allow);
  rules.skip_to_here(jump);
}

void add_native_calls(Rules& rules, const CallNumbers& calls) {
  rules.when_call(calls.connect, hand_over);
  rules.when_call(calls.io_uring_setup, fail_with(ENOSYS));
  rules.when_argument_is(calls.socket, 2, mptcp, fail_with(EPROTONOSUPPORT));
  rules.when_argument_has(calls.sendto, 3, MSG_FASTOPEN, fail_with(EOPNOTSUPP));
  rules.when_argument_has(calls.sendmsg, 2, MSG_FASTOPEN, fail_with(EOPNOTSUPP));
  rules.when_argument_has(calls.sendmmsg, 3, MSG_FASTOPEN, fail_with(EOPNOTSUPP));
  rules.answer(allow);
}

InstalledFilter install(const std::vector<sock_filter>& filter, Waiting waiting) {
  const sock_fprog program{static_cast<unsigned short>(filter.size()),
                           const_cast<sock_filter*>(filter.data())};
  // SPEC_ALLOW: before Linux 5.16 a filter turned on a costly guard against speculative store bypass.
  unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
  if (waiting == Waiting::killable) flags |= SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
  const long listener = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
  if (listener < 0) return {{}, errno};
  return {vault::Descriptor(static_cast<int>(listener)), 0};
}

constexpr Architecture this_architecture() {
#if defined(__x86_64__)
  return Architecture::x86_64;
#elif defined(__aarch64__)
  return Architecture::arm64;
#else
#error "kernel capture knows x86-64 and arm64"
#endif
}

}  // namespace

std::vector<sock_filter> connect_filter(Architecture architecture) {
  const bool is_x86 = architecture == Architecture::x86_64;
  Rules rules;
  rules.load(offsetof(seccomp_data, arch));
  if (is_x86) {
    add_foreign_calls(rules, AUDIT_ARCH_I386, i386_network_calls);
  } else {
    add_foreign_calls(rules, AUDIT_ARCH_ARM, arm_network_calls);
  }
  const std::size_t jump = rules.size();
  rules.unless_equal(is_x86 ? AUDIT_ARCH_X86_64 : AUDIT_ARCH_AARCH64, 0);
  rules.begin_calls();
  if (is_x86) rules.when_call_from(x32_bit, fail_with(ENOSYS));
  add_native_calls(rules, is_x86 ? x86_64_calls : arm64_calls);
  rules.skip_to_here(jump);
  rules.answer(fail_with(ENOSYS));  // an ABI that nobody has heard of
  return rules.take();
}

Waiting waiting_here() noexcept {
  // The flags are looked at before the filter, which is not there.
  constexpr unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
  const long result = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, nullptr);
  return result < 0 && errno == EINVAL ? Waiting::interruptible : Waiting::killable;
}

InstalledFilter install_connect_filter(Waiting wish) {
  const auto filter = connect_filter(this_architecture());
  InstalledFilter installed = install(filter, wish);
  // Only where it is asked for: it would take away what setuid programs are for (sudo), root's too.
  if (installed.error == EACCES && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
    installed = install(filter, wish);
  if (installed.error == EINVAL && wish == Waiting::killable)
    return install_connect_filter(Waiting::interruptible);
  return installed;
}

}  // namespace standin::cli
