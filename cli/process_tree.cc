#include "cli/process_tree.h"

#include <dirent.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "cli/process_handle.h"

namespace standin::cli {
namespace {
using Clock = std::chrono::steady_clock;

// One that forks while the tree is looked at is found in the next look, this much later at most.
constexpr std::chrono::milliseconds next_look{20};
constexpr std::chrono::seconds longest_killing{5};

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
  const std::unique_ptr<DIR, decltype([](DIR* folder) { ::closedir(folder); })> folder(
      ::opendir(tasks.c_str()));
  // A list for each thread: a child belongs to the one that forked it.
  while (const dirent* task = folder ? ::readdir(folder.get()) : nullptr) {
    std::ifstream list(tasks + "/" + task->d_name + "/children");
    children.insert(children.end(), std::istream_iterator<pid_t>(list), {});
  }
  return children;
}

pid_t parent_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string stat;
  std::getline(file, stat, '\0');
  // "pid (name) state parent ...": a name may hold anything, ") R 1" too, hence the last parenthesis.
  const std::size_t name_end = stat.rfind(") ");
  if (name_end == std::string::npos) return 0;
  return std::atoi(stat.c_str() + std::min(name_end + 4, stat.size()));
}

bool has_ended(const ProcessHandle& process) {
  pollfd one{process.descriptor(), POLLIN, 0};
  return ::poll(&one, 1, 0) > 0;
}

bool send(pid_t pid, pid_t parent, std::initializer_list<int> signals) {
  // Held on to first and looked at then: where the number has gone to another since the list was read, that
  // other has another parent.
  const ProcessHandle process(pid);
  if (!process.is_open() || has_ended(process)) return false;
  if (const pid_t now = parent_of(pid); now != parent && now != ::getpid()) return false;
  for (const int signal : signals) process.send(signal);
  return true;
}

/// The deepest first: those below one that is gone would have moved elsewhere in the tree.
std::size_t send_to_descendants(pid_t root, std::initializer_list<int> signals) {
  std::size_t count = 0;
  for (const pid_t child : children_of(root)) {
    count += send_to_descendants(child, signals);
    if (send(child, root, signals)) ++count;
  }
  return count;
}

enum class Children { some, none };

Children reap(const std::function<void(const siginfo_t&)>& on_end) {
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG) != 0) return Children::none;
    if (info.si_pid == 0) return Children::some;
    on_end(info);
  }
}

void wait_for_an_end(Clock::duration at_most) {
  sigset_t child_end;
  sigemptyset(&child_end);
  sigaddset(&child_end, SIGCHLD);
  const auto nanoseconds = std::max<std::int64_t>(0, std::chrono::nanoseconds(at_most).count());
  const timespec limit{nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
  ::sigtimedwait(&child_end, nullptr, &limit);
}

}  // namespace

EndedTree end_descendants(const std::function<void(const siginfo_t&)>& on_end) {
  EndedTree ended;
  if (reap(on_end) == Children::none) return ended;
  ended.told = send_to_descendants(::getpid(), {SIGTERM, SIGCONT});
  const auto patience = Clock::now() + ending_grace;
  while (Clock::now() < patience) {
    wait_for_an_end(patience - Clock::now());
    if (reap(on_end) == Children::none) return ended;
  }
  const auto last = Clock::now() + longest_killing;
  while (Clock::now() < last) {
    ended.surviving = send_to_descendants(::getpid(), {SIGKILL});
    wait_for_an_end(next_look);
    if (reap(on_end) == Children::none) return {ended.told, 0};
  }
  return ended;
}

}  // namespace standin::cli
