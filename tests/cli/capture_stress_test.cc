#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <filesystem>
#include <iterator>

#include <gmock/gmock.h>

#include "tests/cli/capture_fixture.h"

// Kernel capture under fire: races, floods, signals, deaths; and where descriptors can't be duplicated.

namespace standin::cli::test {
namespace {

using testing::AnyOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint32_t wait_killable = 1U << 5;

std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

TEST_F(CaptureRun, AddressFlippedByAThreadNeverGoesWhereItMayNot) {
  serve_directly(80);  // were a connect let go on, it would be answered from here
  const auto answers = run({"race", "203.0.113.9", "443", "169.254.169.254", "80", "5000"});
  // A torn address can be of any port and host; the forbidden one is refused, the others go through the door.
  EXPECT_THAT(answers, Contains("203.0.113.9:443"));
  for (const auto& answer : answers) EXPECT_THAT(answer, testing::Not(HasSubstr("direct 169.254"))) << answer;
}

TEST_F(CaptureRun, TwentyThousandConnectionsFromAThousandThreadsAreNoneMisrouted) {
  run({"visit", "203.0.113.9", "443"});  // what is opened once
  const auto before = open_descriptors();
  EXPECT_THAT(run({"many", "1000", "20", "blocking"}), ElementsAre("right 20000 wrong 0 failed 0"));
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(CaptureRun, TenThousandNonBlockingConnectionsAreNoneMisrouted) {
  EXPECT_THAT(run({"many", "1000", "10", "non-blocking"}), ElementsAre("right 10000 wrong 0 failed 0"));
}

TEST_F(CaptureRun, ThousandSignalsASecondDisturbNoConnectThatRestarts) {
  EXPECT_THAT(run({"signals", "203.0.113.50", "443", "2000", "restart", "1000"}),
              ElementsAre("signals came", "203.0.113.50:443 x2000"));
}

TEST_F(CaptureRun, ConnectInterruptedByASignalCanBeMadeAgain) {
  EXPECT_THAT(run({"signals", "203.0.113.50", "443", "2000", "interrupt", "1000"}),
              ElementsAre("signals came", "203.0.113.50:443 x2000"));
}

TEST_F(CaptureRun, SignalsDisturbNoConnectOnAKernelThatLetsThemInterrupt) {
  deny(SYS_seccomp, EINVAL, 1, wait_killable);
  EXPECT_THAT(run({"signals", "203.0.113.50", "443", "2000", "restart", "100"}),
              ElementsAre("signals came", "203.0.113.50:443 x2000"));
}

/// A listener that nobody accepts from, its backlog full: connects to it wait.
class Full {
 public:
  explicit Full(std::uint16_t port) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_port = htons(port);
    if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&own), sizeof own) != 0 ||
        ::listen(listener_.get(), 0) != 0)
      std::abort();
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (auto& filler : fillers_) {
      filler = vault::Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      ::connect(filler.get(), reinterpret_cast<sockaddr*>(&own), sizeof own);
    }
  }
  void accept_all() const {
    for (std::size_t i = 0; i < fillers_.size() + 1; ++i) {
      const vault::Descriptor connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      ::send(connection.get(), "late\n", 5, MSG_NOSIGNAL);
    }
  }

 private:
  vault::Descriptor listener_;
  std::array<vault::Descriptor, 2> fillers_;
};

TEST_F(CaptureRun, BlockingConnectWaitsForTheNetworkAndDelaysNobody) {
  const Full slow(24);
  EXPECT_THAT(run({"impatient", "203.0.113.9", "24", "300"}), ElementsAre("EINPROGRESS"));
}

TEST_F(CaptureRun, ConnectThatWaitedIsAnsweredWhenTheNetworkDoes) {
  const Full slow(24);
  const auto lines = run({"waits", "203.0.113.9", "24"}, [&] {
    EXPECT_EQ(out().line(), "waiting");
    slow.accept_all();
  });
  EXPECT_THAT(lines, ElementsAre("late"));
}

TEST_F(CaptureRun, CallerKilledWhileItWaitsLeavesNothingBehind) {
  run({"visit", "203.0.113.9", "443"});
  const auto before = open_descriptors();
  const Full slow(24);
  run({"waits", "203.0.113.9", "24"}, [&] {
    EXPECT_EQ(out().line(), "waiting");
    ::kill(child(), SIGKILL);
  });
  EXPECT_EQ(status(), -SIGKILL);
  EXPECT_LE(open_descriptors(), before + 3);  // the slow listener and its fillers
}

// Where duplicates are denied, as by Docker's profile.

TEST_F(CaptureRun, WhereDuplicatesAreDeniedSocketsAreReplaced) {
  deny(SYS_pidfd_getfd, EPERM);
  serve_directly(22);
  EXPECT_THAT(
      run({"visit", "203.0.113.9", "443", "2001:db8::1", "443", "203.0.113.9", "22", "169.254.169.254", "80",
           "203.0.113.9", "23"}),
      ElementsAre("203.0.113.9:443", "[2001:db8::1]:443", "direct 203.0.113.9:22", "EACCES", "ECONNREFUSED"));
  EXPECT_EQ(capture().access, SocketAccess::replaced);
  EXPECT_THAT(capture().reason(), HasSubstr("capture_kernel: descriptors can't be duplicated"));
}

TEST_F(CaptureRun, ReplacedSocketKeepsItsFlags) {
  deny(SYS_pidfd_getfd, EPERM);
  const auto lines = run({"non-blocking", "203.0.113.30", "443"});
  EXPECT_THAT(lines, Contains("still non-blocking"));
  EXPECT_THAT(lines, Contains("203.0.113.30:443"));
  EXPECT_THAT(lines, Contains("third EISCONN"));
}

TEST_F(CaptureRun, ReplacedSocketsAreNoneMisroutedEither) {
  deny(SYS_pidfd_getfd, EPERM);
  EXPECT_THAT(run({"many", "200", "20", "blocking"}), ElementsAre("right 4000 wrong 0 failed 0"));
  EXPECT_THAT(run({"families"}), ElementsAre("unix ENOENT"));
}

TEST_F(CaptureRun, ReplacedSocketWaitsForTheNetwork) {
  deny(SYS_pidfd_getfd, EPERM);
  const Full slow(24);
  const auto lines = run({"waits", "203.0.113.9", "24"}, [&] {
    EXPECT_EQ(out().line(), "waiting");
    slow.accept_all();
  });
  EXPECT_THAT(lines, ElementsAre("late"));
}

TEST_F(CaptureRun, WhenTheSupervisorIsGoneNothingConnects) {
  // Its end is the listener's: what the child tries then fails at once, and goes nowhere.
  const Inheritance start = Inheritance::take();
  Pipe output, go;
  const vault::Descriptor own(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  ::dup2(output.writing.get(), STDOUT_FILENO);
  auto [child, capture] = fork_captured(
      start, [] {}, CaptureWish::kernel);
  ::dup2(own.get(), STDOUT_FILENO);
  output.writing.close();
  capture.listener.close();
  serve_directly(443);
  child.exec(Words{CONNECT_PROBE, "visit", "203.0.113.9", "443"}, {});
  EXPECT_EQ(child.outcome(), std::nullopt);
  EXPECT_EQ(Output(std::move(output.reading)).rest(), "ENOSYS\n");
  ::waitpid(child.pid(), nullptr, 0);
}

}  // namespace
}  // namespace standin::cli::test
