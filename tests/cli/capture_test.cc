#include "cli/capture.h"

#include <sys/stat.h>

#include <gmock/gmock.h>

#include "tests/cli/capture_fixture.h"

// Which connections are captured, where they are led, and how a client finds its socket afterwards.

namespace standin::cli::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using Lines = std::vector<std::string>;

TEST_F(CaptureRun, WebPortsAreLedToTheDoorAndKeepTheirDestination) {
  EXPECT_THAT(run({"visit", "203.0.113.9", "443", "203.0.113.10", "80", "198.51.100.1", "8443",
                   "198.51.100.2", "8080"}),
              ElementsAre("203.0.113.9:443", "203.0.113.10:80", "198.51.100.1:8443", "198.51.100.2:8080"));
}

TEST_F(CaptureRun, PortsOfBoundOriginsAreLedToTheDoorToo) {
  EXPECT_THAT(run({"visit", "203.0.113.9", "8081", "127.0.0.1", "8081"}),
              ElementsAre("203.0.113.9:8081", "127.0.0.1:8081"));
}

TEST_F(CaptureRun, OtherPortsAreConnectedWhereTheChildWants) {
  const auto port = serve_directly(22);
  EXPECT_THAT(run({"visit", "203.0.113.9", std::to_string(port)}), ElementsAre("direct 203.0.113.9:22"));
  EXPECT_THAT(log(), Contains("tunnel tcp://203.0.113.9:22 direct"));
}

TEST_F(CaptureRun, LoopbackIsOnesOwnUnlessBound) {
  serve_directly(8080);
  EXPECT_THAT(run({"visit", "127.0.0.1", "8080", "0.0.0.0", "8080", "::1", "8080"}),
              ElementsAre("direct 127.0.0.1:8080", "direct 127.0.0.1:8080", "direct [::1]:8080"));
  EXPECT_THAT(log(), Not(Contains(HasSubstr("tunnel"))));
}

TEST_F(CaptureRun, IPv6AndMappedAddressesAreLedToTheDoor) {
  EXPECT_THAT(run({"visit", "2001:db8::10", "443", "::ffff:203.0.113.31", "443"}),
              ElementsAre("[2001:db8::10]:443", "203.0.113.31:443"));
  EXPECT_THAT(run({"v6only", "2001:db8::11", "443"}), ElementsAre("[2001:db8::11]:443"));
}

TEST_F(CaptureRun, NonBlockingConnectIsInProgressThenConnectedAndStaysNonBlocking) {
  EXPECT_THAT(run({"non-blocking", "203.0.113.30", "443"}),
              ElementsAre("first EINPROGRESS", "pending error 0", "second 0", "third EISCONN",
                          "still non-blocking", "203.0.113.30:443"));
}

TEST_F(CaptureRun, BlockingConnectLeavesTheSocketAsItWas) {
  EXPECT_THAT(run({"keeps", "203.0.113.30", "443"}),
              ElementsAre("connect 0", "again EISCONN", "send time-out 7 s, no delay 1", "203.0.113.30:443"));
}

TEST_F(CaptureRun, SocketWatchedBeforeItConnectsIsTold) {
  EXPECT_THAT(run({"watched", "203.0.113.30", "443"}),
              ElementsAre("EINPROGRESS", "told", "203.0.113.30:443"));
}

TEST_F(CaptureRun, SocketBoundToAnAddressOfItsOwnIsCaptured) {
  EXPECT_THAT(run({"bound", "203.0.113.30", "443", "192.0.2.77"}), ElementsAre("bind 0", "203.0.113.30:443"));
  ASSERT_EQ(std::system("ip -6 addr add 2001:db8::77/128 dev lo nodad"), 0);
  EXPECT_THAT(run({"bound", "2001:db8::30", "443", "2001:db8::77"}),
              ElementsAre("bind 0", "[2001:db8::30]:443"));
}

TEST_F(CaptureRun, BadArgumentsGetTheKernelsOwnAnswers) {
  EXPECT_THAT(run({"bad", "203.0.113.30", "443"}),
              ElementsAre("no such descriptor EBADF", "no such memory EFAULT", "too short EINVAL",
                          "far too long EINVAL", "no socket ENOTSOCK", "another family EAFNOSUPPORT",
                          "no family 0", "and then 203.0.113.30:443"));
}

TEST_F(CaptureRun, WhatIsNoInternetSocketGoesOn) {
  EXPECT_THAT(run({"families"}), ElementsAre("unix ENOENT"));
}

TEST_F(CaptureRun, NothingConnectsAroundConnect) {
  const Lines lines = run({"around", "203.0.113.30", "443"});
  EXPECT_THAT(lines, Contains("sendto EOPNOTSUPP"));
  EXPECT_THAT(lines, Contains("sendmsg EOPNOTSUPP"));
  EXPECT_THAT(lines, Contains("sendmmsg EOPNOTSUPP"));
  EXPECT_THAT(lines, Contains("io_uring ENOSYS"));
  EXPECT_THAT(lines, Contains("mptcp EPROTONOSUPPORT"));
#if defined(__x86_64__)
  EXPECT_THAT(lines, Contains("x32 ENOSYS"));
  EXPECT_THAT(lines, Contains("i386 ENOSYS"));
#endif
}

TEST_F(CaptureRun, UdpTowardsPort443ConnectsAndCannotSend) {
  EXPECT_THAT(run({"datagrams", "203.0.113.9", "443"}), ElementsAre("connect 0", "send EPIPE"));
  EXPECT_THAT(run({"datagrams", "203.0.113.9", "53"}), ElementsAre("connect 0", "send 0"));
}

TEST_F(CaptureRun, PeerIsLoopback) {
  EXPECT_THAT(run({"peer", "203.0.113.9", "443"}), ElementsAre("127.0.0.1"));
}

TEST_F(CaptureRun, WholeTreeIsCapturedItsDaemonsToo) {
  const Lines lines = run({"tree", "203.0.113.60", "443"}, [this] {
    // The daemon speaks when both its parents have gone; only then may the first process end.
    Lines said;
    for (int i = 0; i < 4; ++i) said.push_back(out().line());
    EXPECT_THAT(said, ElementsAre("fork 203.0.113.60:443", "thread 203.0.113.60:443", "203.0.113.60:443",
                                  "daemon 203.0.113.60:443"));
    type('.');
  });
  EXPECT_THAT(lines, IsEmpty());
  EXPECT_EQ(status(), 0);
}

TEST_F(CaptureRun, MetadataIsRefusedAndOnRecord) {
  EXPECT_THAT(
      run({"visit", "169.254.169.254", "80", "::ffff:169.254.169.254", "80", "169.254.169.254", "22"}),
      ElementsAre("EACCES", "EACCES", "EACCES"));
  EXPECT_THAT(log(), Contains("refused tcp://169.254.169.254:80 403 egress_denied"));
  EXPECT_THAT(log(), Contains("refused tcp://169.254.169.254:22 403 egress_denied"));
  EXPECT_THAT(reported_, ElementsAre("egress_denied"));
}

TEST_F(CaptureRun, PrivateNetworksAreRefusedToDirectConnections) {
  serve_directly(5432);
  EXPECT_THAT(run({"visit", "10.0.0.5", "5432", "203.0.113.5", "5432"}),
              ElementsAre("EACCES", "direct 203.0.113.5:5432"));
  EXPECT_THAT(log(), Contains("refused tcp://10.0.0.5:5432 403 egress_denied"));
}

TEST_F(CaptureRun, PrivateNetworksOnWebPortsAreLeftToTheProxyWhichLearnsTheName) {
  EXPECT_THAT(run({"visit", "10.0.0.5", "443"}), ElementsAre("10.0.0.5:443"));
}

TEST_F(CaptureRun, LockedRunConnectsNowhereDirectly) {
  start(broker::EgressMode::locked);
  serve_directly(22);
  EXPECT_THAT(run({"visit", "203.0.113.5", "22", "127.0.0.1", "22"}),
              ElementsAre("EACCES", "direct 127.0.0.1:22"));
}

TEST_F(CaptureRun, NothingConnectsDirectlyThatCannotBeRecorded) {
  serve_directly(22);
  start();
  break_log();
  EXPECT_THAT(run({"visit", "203.0.113.5", "22"}), ElementsAre("EACCES"));
}

TEST_F(CaptureRun, ClosedPortIsRefusedAsWithoutCapture) {
  EXPECT_THAT(run({"visit", "203.0.113.5", "23", "127.0.0.1", "23", "::1", "23"}),
              ElementsAre("ECONNREFUSED", "ECONNREFUSED", "ECONNREFUSED"));
}

TEST_F(CaptureRun, NetworkWithoutARouteIsUnreachableThroughTheDoorToo) {
  ASSERT_EQ(
      std::system("ip route flush table local type local 0.0.0.0/0 && ip -6 route del local ::/0 dev lo"), 0);
  EXPECT_THAT(run({"visit", "203.0.113.5", "443", "2001:db8::5", "443", "203.0.113.5", "22"}),
              ElementsAre("ENETUNREACH", "ENETUNREACH", "ENETUNREACH"));
}

TEST_F(CaptureRun, BehindACompanysProxyNoRouteIsNeeded) {
  ASSERT_EQ(std::system("ip route flush table local type local 0.0.0.0/0"), 0);
  is_behind_proxy_ = true;
  EXPECT_THAT(run({"visit", "203.0.113.5", "443"}), ElementsAre("203.0.113.5:443"));
}

TEST_F(CaptureRun, WithoutRootTheFilterTakesNoNewPrivileges) {
  become_nobody();
  EXPECT_TRUE(filter_takes_privileges());
  EXPECT_THAT(run({"visit", "203.0.113.9", "443"}), ElementsAre("203.0.113.9:443"));
}

TEST_F(CaptureRun, WithoutAKernelThatNotifiesTheEnvironmentHasToDo) {
  deny(SYS_seccomp, EINVAL, 1, SECCOMP_FILTER_FLAG_NEW_LISTENER);
  serve_directly(443);
  EXPECT_THAT(run({"visit", "203.0.113.9", "443"}), ElementsAre("direct 203.0.113.9:443"));
  EXPECT_THAT(capture().reason(), testing::StartsWith("capture_environment: this kernel has no"));
}

TEST_F(CaptureRun, InsideOfAnotherRunTheEnvironmentHasToDoAndTheOuterFilterHolds) {
  // The outer one: this very process, whose listener nobody needs here.
  const InstalledFilter outer = install_connect_filter();
  ASSERT_TRUE(outer.listener.is_open()) << outer.error;
  const auto [child, capture] = fork_captured(
      Inheritance::take(), [] {}, CaptureWish::automatic);
  EXPECT_TRUE(capture.is_nested);
  EXPECT_THAT(capture.reason(), HasSubstr("capture_environment: another supervisor"));
  WaitingChild(std::move(const_cast<WaitingChild&>(child))).give_up();
}

TEST_F(CaptureRun, WithoutLeaveToReadTheChildItGetsNoFilter) {
  deny(SYS_process_vm_readv, EPERM);
  serve_directly(443);
  EXPECT_THAT(run({"visit", "203.0.113.9", "443"}), ElementsAre("direct 203.0.113.9:443"));
  EXPECT_THAT(capture().reason(), HasSubstr("forbids looking into"));
}

TEST_F(CaptureRun, ChildOfABrokerThatIsClosedCanBeRead) {
  become_nobody();
  ::prctl(PR_SET_DUMPABLE, 0);  // as the broker is; its child is forked closed, and opens itself
  EXPECT_THAT(run({"visit", "203.0.113.9", "443"}), ElementsAre("203.0.113.9:443"));
}

TEST_F(CaptureRun, ProcessThatClosesItselfFailsClosedAndIsTold) {
  serve_directly(22);
  become_nobody();
  EXPECT_THAT(run({"closed", "203.0.113.9", "443", "203.0.113.9", "22"}), ElementsAre("EACCES", "EACCES"));
  EXPECT_THAT(log(), Contains("refused 403 capture_denied"));
  EXPECT_THAT(reported_, ElementsAre("capture_denied"));
}

TEST_F(CaptureRun, SocketsOfAnotherNetworkAreLeftAloneAndOnRecord) {
  EXPECT_THAT(run({"elsewhere", "203.0.113.9", "443"}), ElementsAre("ENETUNREACH"));
  EXPECT_THAT(log(), Contains("tunnel tcp://203.0.113.9:443 other_network"));
}

TEST_F(CaptureRun, SocketsBoundToADeviceAreLeftAloneAndOnRecord) {
  serve_directly(443);
  EXPECT_THAT(run({"device", "203.0.113.9", "443"}), ElementsAre("bind 0", "direct 203.0.113.9:443"));
  EXPECT_THAT(log(), Contains("tunnel tcp://203.0.113.9:443 bound_to_device"));
}

TEST(GainsPrivileges, IsSaidOfSetuidProgramsAlone) {
  const standin::test::TemporaryFolder folder;
  const std::string file = folder / "program";
  std::ofstream(file) << "#!/bin/sh\n";
  ::chmod(file.c_str(), 0755);
  EXPECT_FALSE(gains_privileges(file));
  ::chmod(file.c_str(), 04755);
  EXPECT_TRUE(gains_privileges(file));
  EXPECT_TRUE(gains_privileges("su"));
  EXPECT_FALSE(gains_privileges("true"));
  EXPECT_FALSE(gains_privileges("no-such-program"));
}

}  // namespace
}  // namespace standin::cli::test
