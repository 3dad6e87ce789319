#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "cli/child_process.h"
#include "cli/inheritance.h"
#include "vault/descriptor.h"

namespace standin::cli {

enum class CaptureWish : std::uint8_t { automatic, kernel, environment };

/// How a child's socket comes to be connected elsewhere than the child said.
enum class SocketAccess : std::uint8_t {
  duplicated,  // we connect a duplicate of it: the socket stays the child's own, options and all
  replaced,    // a connected one is put in its place, where duplicates are denied (pidfd_getfd, Docker's
               // profile)
};

/// How the connections of a run reach the proxy, and why not otherwise.
struct Capture {
  enum class By : std::uint8_t { kernel, environment };

  By by = By::environment;
  SocketAccess access = SocketAccess::duplicated;
  vault::Descriptor listener;  // of the filter that the child is under; open with By::kernel
  std::string why;             // one line, lower case: why it is the environment, or why sockets are replaced
  /// Another supervisor's filter may be around us: our own connects are answered by somebody who may not be
  /// allowed to look at us.
  bool is_nested = false;

  /// For the log: "capture_kernel", "capture_environment: the kernel has no …".
  [[nodiscard]] std::string reason() const;
};

/// Forks the waiting child, under the filter of kernel capture where `wish` asks for it and it can be had,
/// and tells what came of it. Where the filter is there but its calls could not be answered (no reading
/// another process, as under Yama's scopes 2 and 3), that child is given up for one without a filter: a
/// filter can't be taken off.
///
/// To be called where WaitingChild::fork is, and may be; costs a round trip to the child. Throws
/// Error(environment) when no process can be had.
std::pair<WaitingChild, Capture> fork_captured(const Inheritance& start, const std::function<void()>& forget,
                                               CaptureWish wish);

/// What fork_captured() would find, for `standin doctor`: makes a child of its own and ends it. To be called
/// before there is a secret in memory.
Capture probe_capture();

/// Whether `command`, as execvp would find it, runs with another's rights (setuid, setgid, file
/// capabilities), which no_new_privs takes away.
[[nodiscard]] bool gains_privileges(const std::string& command);

/// Whether a filter costs this process no_new_privs: root may do without.
[[nodiscard]] bool filter_takes_privileges() noexcept;

}  // namespace standin::cli
