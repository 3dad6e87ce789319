#include "cli/connect_filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <initializer_list>

#include <gtest/gtest.h>

namespace standin::cli {
namespace {

constexpr std::uint32_t hand_over = SECCOMP_RET_USER_NOTIF;
constexpr std::uint32_t allow = SECCOMP_RET_ALLOW;
std::uint32_t fails(int error) { return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error); }

/// Runs a filter as the kernel does (bpf(4), the part of it that seccomp takes), so that the one of the other
/// machine is tried too. Returns 0 where the program is not well formed.
std::uint32_t verdict(const std::vector<sock_filter>& program, const seccomp_data& call) {
  std::uint32_t accumulator = 0;
  for (std::size_t at = 0; at < program.size(); ++at) {
    const sock_filter& step = program[at];
    switch (step.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (step.k % 4 != 0 || step.k + 4 > sizeof call) return 0;
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&call) + step.k, 4);
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        at += accumulator == step.k ? step.jt : step.jf;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        at += accumulator >= step.k ? step.jt : step.jf;
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        at += (accumulator & step.k) != 0 ? step.jt : step.jf;
        break;
      case BPF_RET | BPF_K:
        return step.k;
      default:
        return 0;
    }
  }
  return 0;
}

struct Machine {
  Architecture architecture;
  std::uint32_t audit, connect, socket, sendto, sendmsg, sendmmsg, read;
};
// asm/unistd_64.h of x86, and asm-generic/unistd.h for arm64.
constexpr Machine x86{Architecture::x86_64, AUDIT_ARCH_X86_64, 42, 41, 44, 46, 307, 0};
constexpr Machine arm{Architecture::arm64, AUDIT_ARCH_AARCH64, 203, 198, 206, 211, 269, 63};

class ConnectFilter : public testing::TestWithParam<Machine> {
 protected:
  std::uint32_t call(std::uint32_t number, std::initializer_list<std::uint64_t> arguments = {}) const {
    return call_of(GetParam().audit, number, arguments);
  }
  std::uint32_t call_of(std::uint32_t audit, std::uint32_t number,
                        std::initializer_list<std::uint64_t> arguments = {}) const {
    seccomp_data data{};
    data.nr = static_cast<int>(number);
    data.arch = audit;
    std::copy(arguments.begin(), arguments.end(), data.args);
    return verdict(connect_filter(GetParam().architecture), data);
  }
};

TEST_P(ConnectFilter, HandsConnectOverAndNothingElse) {
  std::size_t handed_over = 0;
  for (std::uint32_t number = 0; number < 1024; ++number) {
    if (call(number) == hand_over) ++handed_over;
  }
  EXPECT_EQ(handed_over, 1U);
  EXPECT_EQ(call(GetParam().connect, {3, 0x7fff0000, 16}), hand_over);
  EXPECT_EQ(call(GetParam().read), allow);
}

TEST_P(ConnectFilter, LetsDatagramsAndMessagesThroughUntouched) {
  EXPECT_EQ(call(GetParam().sendto, {3, 1, 5, MSG_NOSIGNAL, 1, 16}), allow);
  EXPECT_EQ(call(GetParam().sendmsg, {3, 1, MSG_NOSIGNAL}), allow);
  EXPECT_EQ(call(GetParam().sendmmsg, {3, 1, 2, MSG_NOSIGNAL}), allow);
}

TEST_P(ConnectFilter, RefusesToConnectWhileSending) {
  EXPECT_EQ(call(GetParam().sendto, {3, 1, 5, MSG_FASTOPEN | MSG_NOSIGNAL, 1, 16}), fails(EOPNOTSUPP));
  EXPECT_EQ(call(GetParam().sendmsg, {3, 1, MSG_FASTOPEN}), fails(EOPNOTSUPP));
  EXPECT_EQ(call(GetParam().sendmmsg, {3, 1, 2, MSG_FASTOPEN}), fails(EOPNOTSUPP));
}

TEST_P(ConnectFilter, ReadsAnIntAsTheKernelDoes) {
  // What stands above the lower half of the register is not part of an int.
  EXPECT_EQ(call(GetParam().sendmsg, {3, 1, 0xffff'ffff'0000'0000 | MSG_FASTOPEN}), fails(EOPNOTSUPP));
  EXPECT_EQ(call(GetParam().sendmsg, {3, 1, std::uint64_t{MSG_FASTOPEN} << 32}), allow);
}

TEST_P(ConnectFilter, KnowsNoMultipathSockets) {
  EXPECT_EQ(call(GetParam().socket, {AF_INET, SOCK_STREAM, 262}), fails(EPROTONOSUPPORT));
  EXPECT_EQ(call(GetParam().socket, {AF_INET, SOCK_STREAM, 0}), allow);
  EXPECT_EQ(call(GetParam().socket, {AF_INET, SOCK_STREAM, IPPROTO_TCP}), allow);
}

TEST_P(ConnectFilter, KnowsNoRingsThatConnect) { EXPECT_EQ(call(425), fails(ENOSYS)); }

TEST_P(ConnectFilter, KnowsNoAbiThatItDoesNotExpect) {
  for (const std::uint32_t other :
       std::array<std::uint32_t, 3>{AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64, AUDIT_ARCH_MIPS}) {
    if (other == GetParam().audit) continue;
    EXPECT_EQ(call_of(other, 1), fails(ENOSYS)) << other;
  }
}

INSTANTIATE_TEST_SUITE_P(EachMachine, ConnectFilter, testing::Values(x86, arm), [](const auto& machine) {
  return machine.param.audit == AUDIT_ARCH_X86_64 ? "x86" : "arm";
});

TEST(ConnectFilterOfX86, HasNoNetworkForTheOtherAbis) {
  const auto program = connect_filter(Architecture::x86_64);
  seccomp_data i386{};
  i386.arch = AUDIT_ARCH_I386;
  for (const int number : {102, 345, 362, 369, 370, 425}) {
    i386.nr = number;
    EXPECT_EQ(verdict(program, i386), fails(ENOSYS)) << number;
  }
  i386.nr = 3;
  EXPECT_EQ(verdict(program, i386), allow);
  seccomp_data x32{};
  x32.arch = AUDIT_ARCH_X86_64;
  x32.nr = 0x40000000 | 42;
  EXPECT_EQ(verdict(program, x32), fails(ENOSYS));
}

TEST(ConnectFilterOfArm, HasNoNetworkForThe32BitAbi) {
  const auto program = connect_filter(Architecture::arm64);
  seccomp_data call{};
  call.arch = AUDIT_ARCH_ARM;
  for (const int number : {283, 290, 296, 374, 425}) {
    call.nr = number;
    EXPECT_EQ(verdict(program, call), fails(ENOSYS)) << number;
  }
  call.nr = 3;
  EXPECT_EQ(verdict(program, call), allow);
}

}  // namespace
}  // namespace standin::cli
