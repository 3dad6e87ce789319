#include "cli/guardian.h"

#include <sys/resource.h>

#include "cli/secret_source.h"
#include "tests/cli/launcher_fixture.h"
#include "tests/read_text.h"

// No process outlives a run, whoever dies first.

namespace standin::cli::test {
namespace {

Watched named_on(Output& out) { return Watched(std::stoi(out.line())); }

TEST(Guardian, KilledLeavesNoProcess) {
  Probe run(under_run({"leave", "stay"}));
  const Watched grandchild = named_on(run.out);
  const Watched broker(child_of(run.pid()));
  const Watched child(child_of(child_of(run.pid())));
  run.send(SIGKILL);
  EXPECT_EQ(run.status(), -SIGKILL);
  EXPECT_TRUE(child.ends());
  EXPECT_TRUE(grandchild.ends());
  EXPECT_TRUE(broker.ends());
  EXPECT_EQ(run.err.rest(), "guardian lost\n");  // the broker had the time to finish its record
}

TEST(Guardian, KilledLeavesNoProcessThatIgnoresSigterm) {
  Probe run(under_run({"leave", "stay", "stubborn"}));
  const Watched grandchild = named_on(run.out);
  run.send(SIGKILL);
  EXPECT_TRUE(grandchild.ends());
  EXPECT_EQ(run.err.rest(), "guardian lost\n");
}

TEST(Guardian, KilledLeavesNoDaemon) {
  Probe run(under_run({"leave", "stay", "daemon", "stubborn"}));
  const Watched daemon = named_on(run.out);
  run.send(SIGKILL);
  EXPECT_TRUE(daemon.ends());
  EXPECT_EQ(run.err.rest(), "guardian lost\n");
}

TEST(Guardian, KilledWithItsWholeGroupLeavesNoDaemon) {
  // What a host does that started the server in a group of its own, and kills that.
  Probe run(under_run({"leave", "stay", "daemon", "stubborn"}), [] { ::setpgid(0, 0); });
  const Watched daemon = named_on(run.out);
  const Watched broker(child_of(run.pid()));
  ASSERT_EQ(::kill(-run.pid(), SIGKILL), 0);
  EXPECT_TRUE(daemon.ends());
  EXPECT_TRUE(broker.ends());
  EXPECT_NE(run.err.rest(), "");  // the broker was spared, and has finished its record
}

TEST(Guardian, KilledWhileTheBrokerIsStoppedLeavesNoProcess) {
  Probe run(under_run({"leave", "stay"}));
  const Watched grandchild = named_on(run.out);
  const Watched broker(child_of(run.pid()));
  broker.send(SIGSTOP);
  run.send(SIGKILL);
  EXPECT_TRUE(grandchild.ends());
  EXPECT_TRUE(broker.ends());
}

TEST(Guardian, KilledWhileTheChildIsStoppedLeavesNoProcess) {
  Probe run(under_run({"stop-itself"}));
  const Watched child = named_on(run.out);
  int status = 0;
  ASSERT_EQ(::waitpid(run.pid(), &status, WUNTRACED), run.pid());
  run.send(SIGKILL);
  EXPECT_TRUE(child.ends());
}

TEST(Guardian, KilledWhileTheBrokerPreparesLeavesNoProcess) {
  Probe run(under_run({"signals"}, {"--prepare"}));
  ASSERT_EQ(run.err.line(), "preparing");
  const Watched broker(child_of(run.pid()));
  const Watched waiting(child_of(child_of(run.pid())));
  run.send(SIGKILL);
  EXPECT_TRUE(broker.ends());
  EXPECT_TRUE(waiting.ends());
  EXPECT_EQ(run.out.rest(), "");
}

TEST(Guardian, KilledJustBeforeTheCommandRunsDoesNotLetItRun) {
  Probe run(under_run({"signals"}, {"--hold"}));
  ASSERT_EQ(run.err.line(), "held");
  const Watched broker(child_of(run.pid()));
  run.send(SIGKILL);
  run.status();
  run.type("\n");
  EXPECT_TRUE(broker.ends());
  EXPECT_EQ(run.out.rest(), "");
  EXPECT_EQ(run.err.rest(), "standin: error: the process that started this run is gone\n");
}

class BrokerDeath : public ::testing::TestWithParam<int> {};

TEST_P(BrokerDeath, EndsTheWholeTreeWith125) {
  Probe run(under_run({"leave", "stay", "daemon", "stubborn"}));
  const Watched daemon = named_on(run.out);
  const Watched child(child_of(child_of(run.pid())));
  ::kill(child_of(run.pid()), GetParam());
  EXPECT_TRUE(child.ends());
  EXPECT_TRUE(daemon.ends());
  EXPECT_EQ(run.status(), 125);
  EXPECT_TRUE(run.err.line().starts_with("standin: error: standin's broker died of signal " +
                                         std::to_string(GetParam())));
  EXPECT_TRUE(run.err.line().starts_with("standin: hint: "));
}
INSTANTIATE_TEST_SUITE_P(Guardian, BrokerDeath, ::testing::Values(SIGKILL, SIGSEGV, SIGABRT));

TEST(Guardian, DaemonsAreEndedWhenTheCommandIs) {
  Probe run(under_run({"leave", "daemon"}));
  const Watched daemon = named_on(run.out);
  EXPECT_TRUE(daemon.lives());
  run.type("\n");
  EXPECT_EQ(run.status(), 0);
  EXPECT_TRUE(daemon.ends());
  EXPECT_EQ(run.err.rest(), "left over: 1\n");
}

TEST(Guardian, DaemonsThatIgnoreSigtermAreKilledAfterTheGrace) {
  Probe run(under_run({"leave", "daemon", "stubborn"}));
  const Watched daemon = named_on(run.out);
  run.type("\n");
  EXPECT_EQ(run.status(), 0);
  EXPECT_FALSE(daemon.lives());
}

TEST(Guardian, DaemonsThatHaveClosedEverythingAreFound) {
  Probe run(under_run({"leave", "daemon", "quiet"}));
  const Watched daemon = named_on(run.out);
  run.type("\n");
  EXPECT_EQ(run.status(), 0);
  EXPECT_FALSE(daemon.lives());
}

TEST(Guardian, StoppedOnesAreEndedToo) {
  Probe run(under_run({"leave", "daemon"}));
  const Watched daemon = named_on(run.out);
  daemon.send(SIGSTOP);
  run.type("\n");
  EXPECT_EQ(run.status(), 0);
  EXPECT_FALSE(daemon.lives());
}

TEST(Guardian, ForkingFasterThanItIsKilledDoesNotHelp) {
  Probe run(under_run({"flee"}));
  run.type("\n");
  EXPECT_EQ(run.status(), 0);
  EXPECT_EQ(run.out.rest(), "");
}

TEST(Guardian, OrphansOfALongRunAreReaped) {
  // A zombie answers kill -0 for as long as nobody has waited for it.
  Probe run(run_of(
      {"/bin/sh", "-c", "p=$(sh -c 'true & echo $!'); while kill -0 $p 2>&-; do :; done; echo reaped"}));
  EXPECT_EQ(run.out.line(), "reaped");
  EXPECT_EQ(run.status(), 0);
}

TEST(Guardian, AndBrokerDumpNoCoreAndCloseTheirMemory) {
  Probe run(under_run({"signals"}, {"--memory"}), [] {
    const rlimit core{1 << 20, 1 << 20};
    ::setrlimit(RLIMIT_CORE, &core);
  });
  EXPECT_EQ(run.err.line(), "dumpable 0");
  ASSERT_EQ(run.out.line(), "ready");
  const pid_t broker = child_of(run.pid());
  for (const pid_t pid : {run.pid(), broker}) {
    rlimit core{1, 1};
    ASSERT_EQ(::prlimit(pid, RLIMIT_CORE, nullptr, &core), 0);
    EXPECT_EQ(core.rlim_max, 0U);
  }
  rlimit core{};
  ASSERT_EQ(::prlimit(child_of(broker), RLIMIT_CORE, nullptr, &core), 0);
  EXPECT_EQ(core.rlim_max, 1U << 20);
  run.send(SIGTERM);
  run.status();
}

TEST(SecretVariable, IsTakenOnceAndGoneFromTheEnvironment) {
  ::setenv("STANDIN_PROBE", "c2VjcmV0", 1);
  char* const bytes = ::getenv("STANDIN_PROBE");
  const auto secret = take_secret_variable("STANDIN_PROBE");
  ASSERT_TRUE(secret);
  secret->reveal([](std::span<const std::byte> value) {
    EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(value.data()), value.size()), "c2VjcmV0");
  });
  EXPECT_EQ(std::string(bytes, 8), std::string(8, '\0'));
  EXPECT_EQ(::getenv("STANDIN_PROBE"), nullptr);
  EXPECT_FALSE(take_secret_variable("STANDIN_PROBE"));
}

TEST(SecretVariable, OfASimilarNameIsLeftAlone) {
  ::setenv("STANDIN_PROBE_FILE", "/key", 1);
  EXPECT_FALSE(take_secret_variable("STANDIN_PROBE"));
  EXPECT_STREQ(::getenv("STANDIN_PROBE_FILE"), "/key");
  ::unsetenv("STANDIN_PROBE_FILE");
}

TEST(SecretVariable, IsInNoProcessOfTheRun) {
  const std::string key = "c2VjcmV0LWtleS1vZi10aGUtdmF1bHQ=";
  Probe run(under_run({"signals"}), [&] { ::setenv("STANDIN_KEY", key.c_str(), 1); });
  EXPECT_EQ(run.err.line(), "key of " + std::to_string(key.size()) + " bytes");
  ASSERT_EQ(run.out.line(), "ready");
  const pid_t broker = child_of(run.pid());
  for (const pid_t pid : {run.pid(), broker, child_of(broker)}) {
    const std::string environment = standin::test::read_text("/proc/" + std::to_string(pid) + "/environ");
    EXPECT_EQ(environment.find(key), std::string::npos) << pid;
  }
  run.send(SIGTERM);
  run.status();
}

}  // namespace
}  // namespace standin::cli::test
