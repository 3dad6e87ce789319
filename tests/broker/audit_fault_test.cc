#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <array>
#include <csignal>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/broker/audit_fixture.h"

// A log that cannot be written: what is said, and that nothing is lost.

namespace standin::broker {
namespace {

using namespace test;
using ::testing::HasSubstr;

template <class Body>
void expect_in_child(Body body) {
  EXPECT_EQ(status_of_end(start(body)), 0);
}

/// Becomes a user to whom permissions apply.
void drop_root() {
  if (::geteuid() == 0 && ::seteuid(65534) != 0) throw std::runtime_error("seteuid");
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

TEST(AuditFault, AFolderThatOthersCanWriteIsRefusedWithTheChmod) {
  const TestLog log;
  const auto first = log.open();
  std::filesystem::permissions(log.folder(), std::filesystem::perms(0770));
  EXPECT_EQ(refusal_of(log.folder()), "the audit log at " + log.folder().string() +
                                          " can be written by others | chmod 700 " + log.folder().string());
}

TEST(AuditFault, AFileThatOthersCanWriteIsRefusedWithTheChmod) {
  const TestLog log;
  const auto first = log.open();
  std::filesystem::permissions(log.file(), std::filesystem::perms(0602));
  EXPECT_THAT(refusal_of(log.folder()),
              HasSubstr("can be written by others | chmod 600 " + log.file().string()));
}

TEST(AuditFault, AFolderWithoutPermissionIsAClearError) {
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

TEST(AuditFault, AFolderOfAnotherUserIsRefused) {
  expect_in_child([] {
    drop_root();
    EXPECT_THAT(refusal_of("/usr"), HasSubstr("the audit log at /usr belongs to another user"));
    return ::testing::Test::HasFailure() ? 1 : 0;
  });
}

TEST(AuditFault, AFileInTheFoldersPlaceIsAClearError) {
  const TestLog log;
  std::ofstream(log.home() / "audit");
  EXPECT_THAT(refusal_of(log.home() / "audit"),
              HasSubstr("Not a directory | move away what stands in the place"));
  EXPECT_THAT(refusal_of(log.home() / "audit" / "deeper"), HasSubstr("Not a directory"));
}

TEST(AuditFault, ALinkInTheFilesPlaceIsNotFollowed) {
  const TestLog log;
  const auto first = log.open();
  const auto file = log.file();
  std::filesystem::rename(file, log.home() / "elsewhere");
  std::filesystem::create_symlink(log.home() / "elsewhere", file);
  EXPECT_THAT(refusal_of(log.folder()), HasSubstr("symbolic links | move away"));
}

TEST(AuditFault, AFifoInTheFilesPlaceIsAnErrorAndNoWait) {
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

TEST(AuditFault, AFullDiskIsAnErrorAndTheChainGoesOnWhenThereIsRoom) {
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
TEST(AuditFault, AWriteCutShortAtAnyByteCostsNoOtherRecord) {
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

// ... and of several that go with one write, those that are whole are in the log.
TEST(AuditFault, AWriteOfSeveralRecordsCutShortAtAnyByteKeepsTheWholeOnes) {
  const TestLog log;
  expect_in_child([&] {
    auto run = log.open();
    run.append(event("run_started"));
    std::uint64_t seq = 1;
    const std::array<AuditRecord, 3> records = {event("use_done"), event("use_done"), event("use")};
    std::set<std::size_t> counts;
    for (std::size_t room = 0; room < 900; room += 3) {
      limit_file_size(std::filesystem::file_size(log.file()) + room);
      const Appended appended = run.append(records);
      counts.insert(appended.records);
      EXPECT_EQ(appended.fault.has_value(), appended.records < records.size()) << room;
      EXPECT_EQ(appended.last_seq, seq + appended.records) << room;
      seq = appended.last_seq;
      EXPECT_EQ(log.verify().records, seq) << room;
      limit_file_size(RLIM_INFINITY);
      seq = run.append(event("use"));
    }
    run.append(event("run_ended"));
    EXPECT_EQ(counts.size(), 4U) << "each number of them was met";
    for (const auto& finding : log.verify().findings) EXPECT_EQ(finding.kind, Kind::torn) << finding.text;
    return ::testing::Test::HasFailure() ? 1 : 0;
  });
}

TEST(AuditFault, AReadOnlyDiskIsAClearError) {
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
