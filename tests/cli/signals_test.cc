#include "cli/signals.h"

#include "tests/cli/launcher_fixture.h"
#include "tests/cli/terminal_fixture.h"

namespace standin::cli::test {
namespace {

/// A run whose child names its signals. TERM ends it, and shows that nothing came twice before.
void expect_passed_on(int signal, const std::string& name) {
  Probe run(under_run({"signals"}));
  ASSERT_EQ(run.out.line(), "ready");
  run.send(signal);
  EXPECT_EQ(run.out.line(), name);
  run.send(SIGTERM);
  EXPECT_EQ(run.out.rest(), "TERM\n");
  EXPECT_EQ(run.status(), 0);
}

TEST(Signals, SendsIntToChild) { expect_passed_on(SIGINT, "INT"); }
TEST(Signals, SendsHupToChild) { expect_passed_on(SIGHUP, "HUP"); }
TEST(Signals, SendsQuitToChild) { expect_passed_on(SIGQUIT, "QUIT"); }
TEST(Signals, SendsUsr1ToChild) { expect_passed_on(SIGUSR1, "USR1"); }
TEST(Signals, SendsUsr2ToChild) { expect_passed_on(SIGUSR2, "USR2"); }
TEST(Signals, SendsWinchToChild) { expect_passed_on(SIGWINCH, "WINCH"); }
TEST(Signals, SendsContToChild) { expect_passed_on(SIGCONT, "CONT"); }
TEST(Signals, SendsTstpToChild) { expect_passed_on(SIGTSTP, "TSTP"); }
TEST(Signals, SendsAlrmToChild) { expect_passed_on(SIGALRM, "ALRM"); }
TEST(Signals, SendsTermToChild) {
  Probe run(under_run({"signals"}));
  ASSERT_EQ(run.out.line(), "ready");
  run.send(SIGTERM);
  EXPECT_EQ(run.out.rest(), "TERM\n");
  EXPECT_EQ(run.status(), 0);
}

TEST(Signals, SendsAQueuedValueAlong) {
  Probe run(under_run({"signals"}));
  ASSERT_EQ(run.out.line(), "ready");
  sigval value{};
  value.sival_int = 4711;
  ASSERT_EQ(::sigqueue(run.pid(), SIGUSR1, value), 0);
  EXPECT_EQ(run.out.line(), "USR1 4711");
  run.send(SIGTERM);
  EXPECT_EQ(run.out.rest(), "TERM\n");
}

TEST(Signals, OfOneKindInARowComeWithEachValueInOrder) {
  Probe run(under_run({"signals"}));
  ASSERT_EQ(run.out.line(), "ready");
  for (int i = 0; i < 100; ++i) {
    sigval value{};
    value.sival_int = i;
    ASSERT_EQ(::sigqueue(run.pid(), SIGRTMIN, value), 0);
  }
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(run.out.line().ends_with(" " + std::to_string(i)));
  run.send(SIGTERM);
  EXPECT_EQ(run.out.rest(), "TERM\n");
}

TEST(Signals, SentToEveryStandinReachTheChild) {
  // pkill standin: the broker's own SIGTERM, first, must not swallow the one that the guardian passes on.
  for (int i = 0; i < 20; ++i) {
    Probe run(under_run({"signals"}));
    ASSERT_EQ(run.out.line(), "ready");
    ::kill(child_of(run.pid()), SIGTERM);
    run.send(SIGTERM);
    EXPECT_EQ(run.out.line(), "TERM");
  }
}

TEST(Signals, ThatTheChildDoesNotCatchEndBoth) {
  Probe run(run_of({"/bin/sh", "-c", "echo ready; read x"}));
  ASSERT_EQ(run.out.line(), "ready");
  run.send(SIGTERM);
  EXPECT_EQ(run.status(), 128 + SIGTERM);
  EXPECT_EQ(run.err.rest(), "");
}

TEST(Signals, ForTheBrokerAloneAreNotTheChilds) {
  Probe run(under_run({"signals"}));
  ASSERT_EQ(run.out.line(), "ready");
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) ::kill(child_of(run.pid()), signal);
  run.send(SIGUSR2);
  EXPECT_EQ(run.out.line(), "USR2");
  run.send(SIGTERM);
  EXPECT_EQ(run.out.rest(), "TERM\n");
  EXPECT_EQ(run.status(), 0);
}

TEST(Signals, BeforeTheCommandRunsAreNotLost) {
  Probe run(under_run({"signals"}, {"--hold"}), [] {
    sigset_t usr1;  // blocked, it outlives exec until the command asks for it
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    ::sigprocmask(SIG_BLOCK, &usr1, nullptr);
  });
  ASSERT_EQ(run.err.line(), "held");
  run.send(SIGUSR1);
  run.type("\n");
  EXPECT_EQ(run.out.line(), "ready");
  EXPECT_EQ(run.out.line(), "USR1");
  run.send(SIGTERM);
  EXPECT_EQ(run.status(), 0);
}

TEST(Signals, BeforeTheCommandRunsEndItAsSoonAsItDoes) {
  Probe run(run_of({"/bin/sh", "-c", "while :; do sleep 1000; done"}, {"--hold"}));
  ASSERT_EQ(run.err.line(), "held");
  run.send(SIGTERM);
  run.type("\n");
  EXPECT_EQ(run.status(), 128 + SIGTERM);
}

TEST(Signals, WhilePreparingEndTheRunAtOnce) {
  Probe run(under_run({"signals"}, {"--prepare"}));
  ASSERT_EQ(run.err.line(), "preparing");
  run.send(SIGTERM);
  EXPECT_EQ(run.status(), 128 + SIGTERM);
  EXPECT_EQ(run.out.rest(), "");
  EXPECT_EQ(run.err.rest(), "");
}

TEST(Signals, IgnoredByTheParentDoNotEndIt) {
  // nohup: without the child's own handler, HUP passes without effect.
  Probe run(run_of({"/bin/sh", "-c", "echo ready; read x; exit 4"}), [] { ::signal(SIGHUP, SIG_IGN); });
  ASSERT_EQ(run.out.line(), "ready");
  run.send(SIGHUP);
  run.type("\n");
  EXPECT_EQ(run.status(), 4);
}

TEST(JobControl, StopsWithTheChildAndContinuesIt) {
  Probe run(under_run({"stop-itself"}));
  const Watched child(std::stoi(run.out.line()));
  int status = 0;
  ASSERT_EQ(::waitpid(run.pid(), &status, WUNTRACED), run.pid());
  EXPECT_TRUE(WIFSTOPPED(status));
  run.send(SIGCONT);
  EXPECT_EQ(run.out.line(), "continued");
  EXPECT_EQ(run.status(), 7);
}

TEST(JobControl, ContinuesWithTheChild) {
  Probe run(under_run({"stop-itself"}));
  const Watched child(std::stoi(run.out.line()));
  int status = 0;
  ASSERT_EQ(::waitpid(run.pid(), &status, WUNTRACED), run.pid());
  child.send(SIGCONT);
  EXPECT_EQ(run.status(), 7);
}

TEST(JobControl, StoppedChildThatIsKilledEndsTheRun) {
  Probe run(under_run({"stop-itself"}));
  const Watched child(std::stoi(run.out.line()));
  int status = 0;
  ASSERT_EQ(::waitpid(run.pid(), &status, WUNTRACED), run.pid());
  child.send(SIGKILL);
  EXPECT_EQ(run.status(), 128 + SIGKILL);
}

TEST(Terminal, CtrlCComesOnce) {
  Terminal terminal(under_run({"signals"}));
  ASSERT_EQ(terminal.shell.out.line(), "ready");
  terminal.press('\x03');
  EXPECT_EQ(terminal.shell.out.line(), "INT");
  terminal.send(SIGTERM);
  EXPECT_EQ(terminal.shell.out.rest(), "TERM\nexited 0\n");
}

TEST(Terminal, CtrlBackslashComesOnce) {
  Terminal terminal(under_run({"signals"}));
  ASSERT_EQ(terminal.shell.out.line(), "ready");
  terminal.press('\x1c');
  EXPECT_EQ(terminal.shell.out.line(), "QUIT");
  terminal.send(SIGTERM);
  EXPECT_EQ(terminal.shell.out.rest(), "TERM\nexited 0\n");
}

TEST(Terminal, NewSizeComesOnce) {
  Terminal terminal(under_run({"signals"}));
  ASSERT_EQ(terminal.shell.out.line(), "ready");
  terminal.resize(40, 100);
  EXPECT_EQ(terminal.shell.out.line(), "WINCH");
  terminal.send(SIGTERM);
  EXPECT_EQ(terminal.shell.out.rest(), "TERM\nexited 0\n");
}

TEST(Terminal, HangUpComesOnce) {
  Terminal terminal(under_run({"signals"}));
  ASSERT_EQ(terminal.shell.out.line(), "ready");
  terminal.hang_up();  // ends the shell; the job is hung up for that
  EXPECT_EQ(terminal.shell.out.line(), "HUP");
  EXPECT_EQ(terminal.shell.out.line(), "CONT");
  terminal.send(SIGTERM);
  EXPECT_EQ(terminal.shell.out.rest(), "TERM\n");
}

TEST(Terminal, HangUpOfASessionThatStandinLeadsComesOnce) {
  Terminal terminal(under_run({"signals"}), Terminal::Job::leads_session);
  ASSERT_EQ(terminal.shell.out.line(), "ready");
  terminal.hang_up();
  EXPECT_EQ(terminal.shell.out.line(), "HUP");
  EXPECT_EQ(terminal.shell.out.line(), "CONT");
  terminal.send(SIGTERM);
  EXPECT_EQ(terminal.shell.out.rest(), "TERM\n");
}

TEST(Terminal, CtrlCThatEndsTheChildEndsTheRunWith130) {
  Terminal terminal(run_of({"/bin/sh", "-c", "echo ready; exec sleep 1000"}));
  ASSERT_EQ(terminal.shell.out.line(), "ready");
  terminal.press('\x03');
  EXPECT_EQ(terminal.shell.out.rest(), "exited 130\n");
}

TEST(Terminal, CtrlZStopsTheJobAndFgContinuesIt) {
  Terminal terminal(run_of({"/bin/sh", "-c", "echo ready; read x; echo got $x; exit 5"}));
  ASSERT_EQ(terminal.shell.out.line(), "ready");
  terminal.press('\x1a');
  ASSERT_EQ(terminal.shell.out.line(), "stopped");
  terminal.foreground();
  terminal.type("hello\n");
  EXPECT_EQ(terminal.shell.out.rest(), "got hello\nexited 5\n");
}

TEST(Terminal, CtrlZJustBeforeTheCommandRunsStopsTheJob) {
  Terminal terminal(under_run({"exit", "6"}, {"--hold"}));
  ASSERT_EQ(terminal.shell.err.line(), "held");
  terminal.press('\x1a');
  terminal.type("\n");
  ASSERT_EQ(terminal.shell.out.line(), "stopped");
  terminal.foreground();
  EXPECT_EQ(terminal.shell.out.rest(), "exited 6\n");
}

TEST(Terminal, FgContinuesAChildThatCatchesContOnce) {
  Terminal terminal(under_run({"signals"}));
  ASSERT_EQ(terminal.shell.out.line(), "ready");
  const pid_t child = child_of(child_of(terminal.job()));
  ::kill(child, SIGSTOP);
  ASSERT_EQ(terminal.shell.out.line(), "stopped");
  terminal.foreground();
  EXPECT_EQ(terminal.shell.out.line(), "CONT");
  terminal.send(SIGUSR1);
  EXPECT_EQ(terminal.shell.out.line(), "USR1");
  terminal.send(SIGTERM);
  EXPECT_EQ(terminal.shell.out.rest(), "TERM\nexited 0\n");
}

TEST(Terminal, CtrlZThatTheChildCatchesStopsNothing) {
  Terminal terminal(under_run({"signals"}));
  ASSERT_EQ(terminal.shell.out.line(), "ready");
  terminal.press('\x1a');
  EXPECT_EQ(terminal.shell.out.line(), "TSTP");
  terminal.send(SIGTERM);
  EXPECT_EQ(terminal.shell.out.rest(), "TERM\nexited 0\n");
}

TEST(Terminal, CtrlCEndsABrokerThatPrepares) {
  Terminal terminal(under_run({"signals"}, {"--prepare"}));
  ASSERT_EQ(terminal.shell.err.line(), "preparing");
  terminal.press('\x03');
  EXPECT_EQ(terminal.shell.out.rest(), "exited 130\n");
}

TEST(Terminal, CtrlZStopsABrokerThatPrepares) {
  Terminal terminal(under_run({"exit", "6"}, {"--prepare"}));
  ASSERT_EQ(terminal.shell.err.line(), "preparing");
  terminal.press('\x1a');
  ASSERT_EQ(terminal.shell.out.line(), "stopped");
  terminal.foreground();
  terminal.type("\n");
  EXPECT_EQ(terminal.shell.out.rest(), "exited 6\n");
}

}  // namespace
}  // namespace standin::cli::test
