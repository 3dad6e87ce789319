#include "broker/audit_log.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audit_fixture.h"

namespace standin::broker {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

/// Starts `body` in a process of its own; its status is what `body` returns.
template <class Body>
pid_t start(Body body) {
  const auto pid = ::fork();
  if (pid != 0) return pid;
  int status = 99;
  try {
    status = body();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  ::_exit(status);
}

int status_of_end(pid_t pid) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status;
}

template <class Body>
void expect_in_child(Body body) {
  EXPECT_EQ(status_of_end(start(body)), 0);
}

/// Becomes a user to whom permissions apply.
void drop_root() {
  if (::geteuid() == 0 && ::seteuid(65534) != 0) throw std::runtime_error("seteuid");
}

mode_t mode_of(const std::filesystem::path& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return status.st_mode & 07777;
}

/// What opening the log at `folder` fails with: "message | hint".
std::string refusal_of(const std::filesystem::path& folder) {
  try {
    AuditLog log(folder, test_key(), AuditLog::new_run_id());
    return "opened";
  } catch (const Error& error) {
    return error.kind() == Error::Kind::audit_unavailable ? std::string(error.what()) + " | " + error.hint()
                                                          : "kind";
  }
}

TEST(AuditLog, FolderIs0700AndFile0600WhateverTheUmask) {
  const TestLog log;
  const auto umask_before = ::umask(0);
  log.open().append(event("credential_added"));
  ::umask(umask_before);
  EXPECT_EQ(mode_of(log.folder()), 0700U);
  EXPECT_EQ(mode_of(log.folder().parent_path()), 0700U);
  EXPECT_EQ(mode_of(log.file()), 0600U);
}

TEST(AuditLog, TheFileIsNamedAfterTheDayOfItsRecords) {
  const TestLog log;
  write_run(log, 2);
  for (const auto& entry : log.query()) {
    EXPECT_TRUE(std::filesystem::exists(log.file(entry.time.substr(0, 10)))) << entry.time;
  }
}

TEST(AuditLog, RecordsCountFromOneAndCarryUserAndPid) {
  const TestLog log;
  auto run = log.open("69a4c0de00000001");
  EXPECT_EQ(run.run(), "69a4c0de00000001");
  EXPECT_EQ(run.append(event("run_started")), 1U);
  EXPECT_EQ(run.append(event("run_ended")), 2U);
  const auto entries = log.query();
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[1].seq, 2U);
  EXPECT_EQ(entries[1].run, "69a4c0de00000001");
  EXPECT_EQ(entries[1].pid, ::getpid());
  EXPECT_FALSE(entries[1].user.empty());
}

TEST(AuditLog, RunIdsAreSixteenHexDigitsInTheOrderOfTheirSeconds) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(AuditLog::new_run_id());
  EXPECT_EQ(ids.size(), 1000U);
  for (const auto& id : ids) EXPECT_TRUE(audit::is_run_id(id)) << id;
  EXPECT_GE(ids.begin()->substr(0, 8), run_at(at(0us)).substr(0, 8));
}

TEST(AuditLog, ARunsNameThatIsNoneIsRefused) {
  const TestLog log;
  for (const auto* run : {"", "run-1", "69A4C0DE00000001", "69a4c0de0000000\"", "69a4c0de000000011"}) {
    EXPECT_THROW(log.open(run), std::invalid_argument) << run;
  }
}

TEST(AuditLog, ARefusedEventLeavesTheChainWhole) {
  const TestLog log;
  auto run = log.open();
  run.append(event("run_started"));
  EXPECT_THROW(run.append(event("no\nname")), std::invalid_argument);
  EXPECT_EQ(run.append(event("run_ended")), 2U);
  EXPECT_THAT(told(log.verify()), IsEmpty());
}

TEST(AuditLog, ARecordOfAMegabyteIsOneLine) {
  const TestLog log;
  const std::string path(1 << 20, 'p');
  auto record = event("use");
  record.path = path;
  auto run = log.open();
  run.append(event("run_started"));
  run.append(record);
  run.append(event("run_ended"));
  EXPECT_THAT(told(log.verify()), IsEmpty());
  EXPECT_EQ(log.query().at(1).path, path);
  log.open().append(event("credential_added"));
  EXPECT_THAT(log.lines().back(), HasSubstr("\"after\":"));
}

TEST(AuditLog, ARecordLongerThanALineMayBeIsRefused) {
  const TestLog log;
  const std::string path(5 << 20, 'p');
  auto record = event("use");
  record.path = path;
  auto run = log.open();
  EXPECT_THROW(run.append(record), Error);
  EXPECT_EQ(log.bytes(), "");
  EXPECT_EQ(run.append(event("credential_added")), 1U);
}

TEST(AuditLog, EightProcessesWriteOneFileAndEveryChainVerifies) {
  const TestLog log;
  std::vector<pid_t> writers;
  for (int i = 0; i < 8; ++i) {
    writers.push_back(start([&] {
      write_run(log, 498);
      return 0;
    }));
  }
  for (const auto writer : writers) EXPECT_EQ(status_of_end(writer), 0);
  const auto result = log.verify();
  EXPECT_THAT(told(result), IsEmpty());
  EXPECT_EQ(result.records, 8U * 500);
  EXPECT_EQ(result.runs, 8U);
}

TEST(AuditLog, ThreadsShareAChain) {
  const TestLog log;
  auto run = log.open();
  run.append(event("run_started"));
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 100; ++n) run.append(event("use"));
      });
    }
  }
  EXPECT_EQ(run.append(event("run_ended")), 402U);
  EXPECT_THAT(told(log.verify()), IsEmpty());
}

TEST(AuditLog, VerifyAmidstWritersSeesNoDamage) {
  const TestLog log;
  const auto writer = start([&] {
    for (int i = 0; i < 100; ++i) write_run(log, 50);
    return 0;
  });
  int status = 0;
  while (::waitpid(writer, &status, WNOHANG) == 0) EXPECT_TRUE(log.verify().intact());
  EXPECT_EQ(status, 0);
}

TEST(AuditLog, AKilledRunLeavesAValidLogAndIsUnfinished) {
  const TestLog log;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const auto writer = start([&] {
    auto run = log.open();
    run.append(event("run_started"));
    run.append(event("use"));
    [[maybe_unused]] const auto told_parent = ::write(ready[1], "x", 1);
    ::pause();
    return 0;
  });
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ::kill(writer, SIGKILL);
  EXPECT_TRUE(WIFSIGNALED(status_of_end(writer)));
  ::close(ready[0]);
  ::close(ready[1]);
  write_run(log, 1);
  const auto result = log.verify();
  EXPECT_THAT(told(result), ElementsAre("unfinished 2"));
  EXPECT_TRUE(result.intact());
  EXPECT_EQ(result.records, 5U);
}

// Files that go away.

TEST(AuditLog, ADeletedFileIsMadeAgainBeforeTheNextRecord) {
  const TestLog log;
  auto run = log.open();
  run.append(event("run_started"));
  std::filesystem::remove(log.file());
  run.append(event("use"));
  EXPECT_EQ(log.query().at(0).seq, 2U);
}

TEST(AuditLog, ADeletedFolderIsMadeAgainBeforeTheNextRecord) {
  const TestLog log;
  auto run = log.open();
  run.append(event("run_started"));
  std::filesystem::remove_all(log.folder().parent_path());
  run.append(event("use"));
  EXPECT_EQ(log.query().at(0).seq, 2U);
  EXPECT_EQ(mode_of(log.folder()), 0700U);
}

TEST(AuditLog, AFileIsNotInheritedByAChild) {
  const TestLog log;
  auto run = log.open();
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry.path(), gone) != log.file()) continue;
    EXPECT_EQ(::fcntl(std::stoi(entry.path().filename()), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    return;
  }
  FAIL() << "the log's file is not open";
}

// Folders that won't do.

TEST(AuditLog, AFolderThatOthersCanWriteIsRefusedWithTheChmod) {
  const TestLog log;
  const auto first = log.open();
  std::filesystem::permissions(log.folder(), std::filesystem::perms(0770));
  EXPECT_EQ(refusal_of(log.folder()), "the audit log at " + log.folder().string() +
                                          " can be written by others | chmod 700 " + log.folder().string());
}

TEST(AuditLog, AFileThatOthersCanWriteIsRefusedWithTheChmod) {
  const TestLog log;
  const auto first = log.open();
  std::filesystem::permissions(log.file(), std::filesystem::perms(0602));
  EXPECT_THAT(refusal_of(log.folder()),
              HasSubstr("can be written by others | chmod 600 " + log.file().string()));
}

TEST(AuditLog, AFolderWithoutPermissionIsAClearError) {
  const TestLog log;
  const auto locked = log.home() / "locked";
  std::filesystem::create_directory(locked);
  std::filesystem::permissions(locked, std::filesystem::perms(0500));
  expect_in_child([&] {
    drop_root();
    const auto refusal = refusal_of(locked / "audit");
    EXPECT_THAT(refusal, HasSubstr("can't be written: Permission denied | give yourself the right"));
    return ::testing::Test::HasFailure() ? 1 : 0;
  });
}

TEST(AuditLog, AFolderOfAnotherUserIsRefused) {
  expect_in_child([] {
    drop_root();
    EXPECT_THAT(refusal_of("/usr"), HasSubstr("the audit log at /usr belongs to another user"));
    return ::testing::Test::HasFailure() ? 1 : 0;
  });
}

TEST(AuditLog, AFileInTheFoldersPlaceIsAClearError) {
  const TestLog log;
  std::ofstream(log.home() / "audit");
  EXPECT_THAT(refusal_of(log.home() / "audit"),
              HasSubstr("Not a directory | move away what stands in the place"));
  EXPECT_THAT(refusal_of(log.home() / "audit" / "deeper"), HasSubstr("Not a directory"));
}

TEST(AuditLog, ALinkInTheFilesPlaceIsNotFollowed) {
  const TestLog log;
  const auto first = log.open();
  const auto file = log.file();
  std::filesystem::rename(file, log.home() / "elsewhere");
  std::filesystem::create_symlink(log.home() / "elsewhere", file);
  EXPECT_THAT(refusal_of(log.folder()), HasSubstr("symbolic links | move away"));
}

TEST(AuditLog, AFifoInTheFilesPlaceIsAnErrorAndNoWait) {
  const TestLog log;
  const auto first = log.open();
  const auto file = log.file();
  std::filesystem::remove(file);
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  EXPECT_THAT(refusal_of(log.folder()), HasSubstr("can't be written"));
  EXPECT_THROW(log.verify(), Error);
}

// Disks that are full. Each in a process of its own: a limit or a mount stays there.

void limit_file_size(rlim_t size) {
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{size, RLIM_INFINITY};
  if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) throw std::runtime_error("setrlimit");
}

/// Mounts a disk of 64 KiB; false where this user may not.
bool mount_small_disk(const std::filesystem::path& folder) {
  const int spaces = ::geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER;
  return ::unshare(spaces) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=64k,mode=700") == 0;
}

/// Appends until it fails; the message.
std::string fill(AuditLog& run) {
  for (int i = 0; i < 10'000; ++i) {
    try {
      run.append(event("use"));
    } catch (const Error& error) {
      return error.kind() == Error::Kind::audit_unavailable ? error.what() : "kind";
    }
  }
  return "never full";
}

TEST(AuditLog, AFullDiskIsAnErrorAndTheChainGoesOnWhenThereIsRoom) {
  const TestLog log;
  std::filesystem::create_directory(log.home() / "state");
  expect_in_child([&] {
    const auto ballast = log.home() / "state" / "ballast";
    const bool small_disk = mount_small_disk(log.home() / "state");
    if (small_disk) std::ofstream(ballast) << std::string(16 << 10, 'x');
    if (!small_disk) limit_file_size(64 << 10);
    auto run = log.open();
    run.append(event("run_started"));
    EXPECT_THAT(fill(run), HasSubstr(small_disk ? "No space left on device" : "File too large"));
    EXPECT_THROW(run.append(event("use")), Error);  // and remains one
    if (small_disk) std::filesystem::remove(ballast);
    if (!small_disk) limit_file_size(RLIM_INFINITY);
    run.append(event("use"));
    run.append(event("run_ended"));
    for (const auto& finding : log.verify().findings) EXPECT_EQ(finding.kind, Kind::torn) << finding.text;
    return ::testing::Test::HasFailure() ? 1 : 0;
  });
}

// Wherever the limit cuts a record: nothing that was acknowledged is lost, and nothing else is damaged.
TEST(AuditLog, AWriteCutShortAtAnyByteCostsNoOtherRecord) {
  const TestLog log;
  expect_in_child([&] {
    auto run = log.open();
    auto other = log.open();
    run.append(event("run_started"));
    other.append(event("run_started"));
    for (std::size_t room = 0; room < 300; ++room) {
      limit_file_size(std::filesystem::file_size(log.file()) + room);
      bool failed = false;
      try {
        run.append(event("use"));
      } catch (const Error& error) {
        failed = true;
        EXPECT_THAT(error.what(), HasSubstr("File too large"));
      }
      // A record has some 240 bytes.
      EXPECT_TRUE(failed || room > 200) << room;
      EXPECT_FALSE(failed && room > 280) << room;
      limit_file_size(RLIM_INFINITY);
      other.append(event("use"));
      run.append(event("use"));
    }
    run.append(event("run_ended"));
    other.append(event("run_ended"));
    for (const auto& finding : log.verify().findings) EXPECT_EQ(finding.kind, Kind::torn) << finding.text;
    EXPECT_EQ(log.verify().records, log.query().size());
    return ::testing::Test::HasFailure() ? 1 : 0;
  });
}

TEST(AuditLog, AReadOnlyDiskIsAClearError) {
  const TestLog log;
  std::filesystem::create_directory(log.home() / "state");
  expect_in_child([&] {
    // Where this user may not mount, /proc is a file system in which nobody makes a folder.
    if (!mount_small_disk(log.home() / "state") ||
        ::mount("none", (log.home() / "state").c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0) {
      EXPECT_THAT(refusal_of("/proc/audit"), HasSubstr("can't be written"));
    } else {
      EXPECT_THAT(refusal_of(log.folder()), HasSubstr("Read-only file system | set STANDIN_AUDIT_DIR"));
    }
    return ::testing::Test::HasFailure() ? 1 : 0;
  });
}

}  // namespace
}  // namespace standin::broker
