#include "cli/child_process.h"

#include <sys/resource.h>

#include <string>

#include "tests/cli/launcher_fixture.h"
#include "tests/temporary_folder.h"

namespace standin::cli::test {
namespace {

using standin::test::TemporaryFolder;

class ExitStatus : public ::testing::TestWithParam<int> {};

TEST_P(ExitStatus, IsTheChildsOwn) {
  Probe run(under_run({"exit", std::to_string(GetParam())}));
  EXPECT_EQ(run.status(), GetParam());
  EXPECT_EQ(run.err.rest(), "");
}
INSTANTIATE_TEST_SUITE_P(Launcher, ExitStatus, ::testing::Values(0, 1, 2, 77, 125, 126, 127, 128, 255));

class DeathSignal : public ::testing::TestWithParam<int> {};

TEST_P(DeathSignal, Gives128AndItsNumber) {
  Probe run(under_run({"die", std::to_string(GetParam())}));
  EXPECT_EQ(run.status(), 128 + GetParam());
  EXPECT_EQ(run.err.rest(), "");
}
INSTANTIATE_TEST_SUITE_P(Launcher, DeathSignal,
                         ::testing::Values(SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGTERM, SIGUSR1, SIGRTMIN));

TEST(ChildProcess, GetsItsArgumentsByteForByte) {
  Probe run(under_run({"arguments", "", "a b", "\"$HOME\" *", "\xff\x01\ttab", "", "--help", "é"}));
  EXPECT_EQ(run.out.rest(), "<>\n<a b>\n<\"$HOME\" *>\n<\xff\x01\ttab>\n<>\n<--help>\n<é>\n");
  EXPECT_EQ(run.status(), 0);
}

TEST(ChildProcess, GetsAThousandArgumentsAndAMegabyteOfEnvironment) {
  Words words{"-c", "echo $# ${#MEGABYTE_0} ${#MEGABYTE_15}", "sh"};
  for (int i = 0; i < 1000; ++i) words.push_back("argument " + std::to_string(i));
  Probe run(run_of(Words{"/bin/sh"} + words, {"--megabyte"}));
  EXPECT_EQ(run.out.rest(), "1000 65536 65536\n");
  EXPECT_EQ(run.status(), 0);
}

TEST(ChildProcess, GetsExactlyTheEnvironmentGiven) {
  Probe run(run_of({"env"}), [] {
    ::clearenv();
    ::setenv("EMPTY", "", 1);
    ::setenv("PATH", "/usr/bin:/bin", 1);
    ::setenv("WITH_EQUALS", "a=b=c", 1);
    ::setenv("STANDIN_KEY", "a2V5", 1);
  });
  // The probe gives its own environment, from which take_secret_variable() has removed the key.
  EXPECT_EQ(run.out.rest(), "EMPTY=\nPATH=/usr/bin:/bin\nWITH_EQUALS=a=b=c\n");
}

TEST(ChildProcess, IsNotFoundWith127) {
  Probe run(run_of({"no-such-command"}));
  EXPECT_EQ(run.status(), 127);
  EXPECT_EQ(run.err.line(), "standin: error: cannot run \"no-such-command\": No such file or directory");
  EXPECT_EQ(run.err.line(),
            "standin: hint: no folder of PATH has it: check the spelling, or give the whole path");
  EXPECT_EQ(run.out.rest(), "");
}

TEST(ChildProcess, IsNotFoundWhereItsNameIsEmpty) {
  Probe run(run_of({""}));
  EXPECT_EQ(run.status(), 127);
}

TEST(ChildProcess, WithAMissingInterpreterSaysSo) {
  const TemporaryFolder folder;
  const std::string script = folder.file("script", "#!/no/such/interpreter\n", 0755);
  Probe run(run_of({script}));
  EXPECT_EQ(run.status(), 127);
  run.err.line();
  EXPECT_EQ(
      run.err.line(),
      "standin: hint: the file is there, but the interpreter that it names (#! line, or ELF loader) is not");
}

TEST(ChildProcess, ThatMayNotBeExecutedGives126) {
  const TemporaryFolder folder;
  const std::string file = folder.file("plain", "text\n", 0644);
  Probe run(run_of({file}));
  EXPECT_EQ(run.status(), 126);
  EXPECT_EQ(run.err.line(), "standin: error: cannot run \"" + file + "\": Permission denied");
  EXPECT_TRUE(run.err.line().starts_with("standin: hint: "));
}

TEST(ChildProcess, ThatIsAFolderGives126) {
  Probe run(run_of({"/usr"}));
  EXPECT_EQ(run.status(), 126);
}

TEST(ChildProcess, BelowAFileGives126) {
  Probe run(run_of({"/etc/passwd/below"}));
  EXPECT_EQ(run.status(), 126);
}

TEST(ChildProcess, OnPathButNotExecutableGives126) {
  const TemporaryFolder folder;
  folder.file("tool", "text\n", 0644);
  Probe run(run_of({"tool"}), [&] { ::setenv("PATH", folder.path().c_str(), 1); });
  EXPECT_EQ(run.status(), 126);
}

TEST(ChildProcess, IsFoundLikeExecvpDoes) {
  const TemporaryFolder hidden;
  const TemporaryFolder folder;
  hidden.file("tool", "text\n", 0644);  // not executable: the search goes on
  folder.file("tool", "#!/bin/sh\necho found \"$1\"\n", 0755);
  Probe run(run_of({"tool", "x"}),
            [&] { ::setenv("PATH", (hidden.path().string() + ":" + folder.path().string()).c_str(), 1); });
  EXPECT_EQ(run.out.rest(), "found x\n");
  EXPECT_EQ(run.status(), 0);
}

TEST(ChildProcess, WithoutAFirstLineIsRunByTheShell) {
  const TemporaryFolder folder;
  const std::string script = folder.file("script", "echo \"script $1\"\nexit 3\n", 0755);
  Probe run(run_of({script, "one two"}));
  EXPECT_EQ(run.out.rest(), "script one two\n");
  EXPECT_EQ(run.status(), 3);
}

TEST(ChildProcess, WithTooManyArgumentsGives126) {
  // Each fits, and all fit the probe's own exec; the environment added on the way makes it too much.
  Words words{"arguments"};
  for (int i = 0; i < 60; ++i) words.push_back(std::string(1000, 'x'));
  Probe run(under_run(words, {"--megabyte"}), [] {
    const rlimit stack{512 * 1024, 512 * 1024};  // arguments may have a quarter of it, 128 KiB at least
    ::setrlimit(RLIMIT_STACK, &stack);
  });
  EXPECT_EQ(run.status(), 126);
  EXPECT_TRUE(run.err.line().ends_with("Argument list too long"));
}

TEST(ChildProcess, ThatIsKilledWhileItWaitsEndsTheRun) {
  for (const char* phase : {"--prepare", "--hold"}) {
    Probe run(under_run({"arguments"}, {phase}));
    run.err.line();
    const Watched waiting(child_of(child_of(run.pid())));
    waiting.send(SIGKILL);
    EXPECT_TRUE(waiting.ends());
    run.type("\n");
    EXPECT_EQ(run.status(), 128 + SIGKILL) << phase;
  }
}

TEST(ChildProcess, IsNotStartedWhenPreparingFails) {
  Probe run(under_run({"arguments", "ran"}, {"--fail"}));
  EXPECT_EQ(run.status(), 125);
  EXPECT_EQ(run.out.rest(), "");
  EXPECT_EQ(run.err.rest(), "standin: error: no vault here\nstandin: hint: make one\n");
}

}  // namespace
}  // namespace standin::cli::test
