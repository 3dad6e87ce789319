#include "tests/bench/end_to_end/watched.h"

#include <filesystem>
#include <fstream>
#include <string>

namespace standin::bench {
namespace {

std::filesystem::path folder_of(long pid) { return "/proc/" + std::to_string(pid); }

/// The KiB of a line "Name:   123 kB"; 0 where there is none.
std::uint64_t kibibytes(const std::filesystem::path& file, const std::string& name) {
  std::ifstream in(file);
  std::string word;
  std::uint64_t value = 0;
  while (in >> word)
    if (word == name) in >> value;
  return value;
}

}  // namespace

std::uint64_t Watched::processor_time() const {
  std::uint64_t sum = 0;
  std::error_code error;
  // schedstat counts nanoseconds where stat counts ticks of 10 ms.
  for (const auto& task : std::filesystem::directory_iterator(folder_of(pid_) / "task", error)) {
    std::uint64_t nanoseconds = 0;
    if (std::ifstream(task.path() / "schedstat") >> nanoseconds) sum += nanoseconds;
  }
  return sum;
}

std::uint64_t Watched::resident() const { return kibibytes(folder_of(pid_) / "status", "VmRSS:"); }

std::uint64_t Watched::proportional() const {
  const std::uint64_t shares = kibibytes(folder_of(pid_) / "smaps_rollup", "Pss:");
  return shares > 0 ? shares : resident();
}

}  // namespace standin::bench
