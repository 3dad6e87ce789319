#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cli/connect_supervisor.h"
#include "tests/broker/broker_fixture.h"
#include "tests/cli/launcher_fixture.h"

// Kernel capture with real parts: a child under the real filter, the real supervisor, broker and log, in a
// network of the test's own in which every address is this machine's. Whoever answers a connection there says
// how it came: "203.0.113.9:443" through the door, "direct 203.0.113.9:22" around it.

namespace standin::cli::test {

/// A listener whose every connection is answered with one line.
class Answering {
 public:
  using Line = std::function<std::string(int connection, const proxy::Endpoint& peer)>;
  /// `address` and a port of the kernel's choice, or `port`.
  Answering(const char* address, std::uint16_t port, Line line);
  ~Answering();
  Answering(const Answering&) = delete;
  Answering& operator=(const Answering&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void serve();
  Line line_;
  int listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

class CaptureRun : public broker::BrokerRun {
 public:
  CaptureRun();
  ~CaptureRun() override;

  // --- the stage, before run() ---
  /// A call of this process and its children that fails from here on, as under a container's profile or an
  /// older kernel; with `bits` only where argument `argument` has one of them.
  static void deny(long call, int error, unsigned argument = 0, std::uint32_t bits = 0);
  /// From here on no root: nobody's rights.
  void become_nobody();
  std::uint16_t serve_directly(std::uint16_t port = 0) {
    direct_.push_back(std::make_unique<Answering>("::", port, [](int connection, const proxy::Endpoint&) {
      return "direct " + local_name(connection);
    }));
    return direct_.back()->port();
  }

  // --- the run ---
  /// `connect_probe WORDS…` under capture, from start to end: what it printed, a line each.
  std::vector<std::string> run(
      const Words& words, const std::function<void()>& in_between = [] {});
  [[nodiscard]] int status() const { return status_; }  // minus a signal
  [[nodiscard]] const Capture& capture() const { return capture_; }
  [[nodiscard]] pid_t child() const { return child_; }
  Output& out() { return *out_; }
  void type(char byte) const { EXPECT_EQ(::write(input_.get(), &byte, 1), 1); }

  /// "203.0.113.9:443", IPv6 in brackets.
  static std::string name(const proxy::Endpoint& endpoint);
  static std::string local_name(int connection);

  CaptureWish wish_ = CaptureWish::kernel;
  bool is_behind_proxy_ = false;
  std::set<std::uint16_t> bound_ports_{443, 8081};

 private:
  void open_doors();

  std::unique_ptr<proxy::Redirection> redirection_;
  std::vector<std::unique_ptr<Answering>> doors_, direct_;
  Capture capture_;
  pid_t child_ = 0;
  int status_ = 0;
  vault::Descriptor input_;
  std::optional<Output> out_;
};

}  // namespace standin::cli::test
