#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/cli/launcher_fixture.h"

// "Nothing else changes": what the child finds, compared with what the same program finds when it is started
// directly, in the same circumstances.

namespace standin::cli::test {
namespace {

std::string field(const std::string& report, const std::string& name) {
  const std::size_t start = report.find(name);
  return report.substr(start, report.find('\n', start) - start);
}

/// The reports of a child under standin and of the same program without, and both must be equal.
std::string same_report(const std::function<void()>& change) {
  Probe direct({"report"}, change);
  Probe run(under_run({"report"}), change);
  std::string expected = direct.out.rest() + direct.err.rest();
  std::string got = run.out.rest() + run.err.rest();
  EXPECT_EQ(run.status(), 0);
  EXPECT_EQ(direct.status(), 0);
  EXPECT_EQ(got, expected);
  EXPECT_NE(got, "");
  return got;
}

TEST(Descriptors, AreTheStandardOnesAndNoOther) {
  const std::string report = same_report([] {});
  EXPECT_EQ(field(report, "descriptors"), "descriptors 0 1 2");
}

TEST(Descriptors, ThatTheParentPassedOnArePassedOn) {
  const std::string report = same_report([] {
    ::dup2(0, 3);
    ::dup2(0, 7);
    ::fcntl(0, F_DUPFD, 100);
  });
  EXPECT_EQ(field(report, "descriptors"), "descriptors 0 1 2 3 7 100");
}

TEST(Descriptors, ClosedOnesStayClosedOneByOne) {
  for (const int closed : {0, 1, 2}) {
    const std::string report = same_report([&] { ::close(closed); });
    EXPECT_EQ(field(report, "descriptors").find(std::to_string(closed)), std::string::npos) << report;
  }
}

TEST(Descriptors, ClosedStdinAndStdoutStayClosed) {
  const std::string report = same_report([] {
    ::close(0);
    ::close(1);
    ::dup2(2, 5);
  });
  EXPECT_EQ(field(report, "descriptors"), "descriptors 2 5");
}

TEST(Descriptors, AllClosedIsNoHindrance) {
  Probe run(under_run({"exit", "3"}), [] {
    for (int number = 0; number < 3; ++number) ::close(number);
  });
  EXPECT_EQ(run.status(), 3);
}

TEST(Descriptors, StdoutIsReallyClosedWhenTheChildClosesIt) {
  // Standin's own copies would keep the reader waiting.
  Probe run(under_run({"close-stdout"}));
  EXPECT_EQ(run.out.line(), "(end)");
  run.type("\n");
  EXPECT_EQ(run.status(), 0);
}

TEST(Descriptors, PassedOnPipeEndsWithTheChildsEnd) {
  Pipe extra;
  Probe run(run_of({"/bin/sh", "-c", "exec 7>&-; read x"}), [&] { ::dup2(extra.writing.get(), 7); });
  extra.writing.close();
  EXPECT_EQ(Output(std::move(extra.reading)).line(), "(end)");
  run.type("\n");
  EXPECT_EQ(run.status(), 0);
}

TEST(Descriptors, StdinIsTheChildsAlone) {
  // When the child has ended its input, a writer learns it at once (SIGPIPE), although the run goes on.
  Probe run(run_of({"/bin/sh", "-c", "exec 0<&-; echo closed; sleep 1000"}));
  EXPECT_EQ(run.out.line(), "closed");
  EXPECT_TRUE(wait_for(run.input(), POLLERR));
  run.send(SIGTERM);
  run.status();
}

TEST(Circumstances, IgnoredSignalsStayIgnored) {
  const std::string report = same_report([] {
    ::signal(SIGHUP, SIG_IGN);
    ::signal(SIGCHLD, SIG_IGN);
    ::signal(SIGPIPE, SIG_IGN);
  });
  EXPECT_EQ(field(report, "SigIgn"), "SigIgn:\t0000000000011001");
}

TEST(Circumstances, NothingIsIgnoredOrBlockedThatWasNot) {
  const std::string report = same_report([] {});
  EXPECT_EQ(field(report, "SigIgn"), "SigIgn:\t0000000000000000");
  EXPECT_EQ(field(report, "SigBlk"), "SigBlk:\t0000000000000000");
  EXPECT_EQ(field(report, "dumpable"), "dumpable 1");
  EXPECT_EQ(field(report, "subreaper"), "subreaper 0");
}

TEST(Circumstances, BlockedSignalsStayBlocked) {
  const std::string report = same_report([] {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGINT);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
  });
  EXPECT_EQ(field(report, "SigBlk"), "SigBlk:\t0000000000000202");
}

TEST(Circumstances, LimitsMasksNicenessAndFolderAreTheStarts) {
  const std::string report = same_report([] {
    const rlimit core{4096, 8192};
    ::setrlimit(RLIMIT_CORE, &core);
    ::umask(027);
    if (::nice(3) < 0 || ::chdir("/usr") != 0) ::_exit(98);
  });
  EXPECT_EQ(field(report, "core"), "core 4096");
  EXPECT_EQ(field(report, "umask"), "umask 27");
  EXPECT_EQ(field(report, "nice"), "nice 3");
  EXPECT_EQ(field(report, "folder"), "folder /usr");
}

TEST(Circumstances, NoNewPrivsIsNeitherSetNorLost) {
  EXPECT_EQ(field(same_report([] {}), "no_new_privs"), "no_new_privs 0");
  const std::string report = same_report([] { ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); });
  EXPECT_EQ(field(report, "no_new_privs"), "no_new_privs 1");
}

TEST(Circumstances, ProcessGroupAndSessionAreTheStarts) {
  const std::string report = same_report([] {});
  EXPECT_EQ(field(report, "group"), "group " + std::to_string(::getpgrp()));
  EXPECT_EQ(field(report, "session"), "session " + std::to_string(::getsid(0)));
}

}  // namespace
}  // namespace standin::cli::test
