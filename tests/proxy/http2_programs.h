#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/stream.h"
#include "tests/test_client.h"

namespace standin::proxy::test {

/// A program of somebody else's while it runs; ended with this. What it prints is kept.
class Program {
 public:
  explicit Program(const std::vector<std::string>& words) {
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) throw standin::test::StreamError("no pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe[1], 1);
    posix_spawn_file_actions_adddup2(&actions, pipe[1], 2);
    std::vector<char*> list;
    for (const std::string& word : words) list.push_back(const_cast<char*>(word.c_str()));
    list.push_back(nullptr);
    const int error = ::posix_spawnp(&pid_, list[0], &actions, nullptr, list.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(pipe[1]);
    out_ = pipe[0];
    if (error != 0) {
      ::close(out_);
      throw standin::test::StreamError("cannot run " + words[0] + ": install it (scripts/setup)");
    }
    reader_ = std::thread([this] { read_all(); });
  }
  ~Program() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    reader_.join();
    ::close(out_);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  /// Waits until it has printed that; all that it printed so far.
  std::string await(std::string_view text) {
    std::unique_lock lock(mutex_);
    const auto found = [&] { return printed_.find(text) != printed_.npos; };
    printed_more_.wait_for(lock, std::chrono::seconds(30), [&] { return found() || ended_; });
    if (!found()) throw standin::test::StreamError("never printed " + std::string(text) + ": " + printed_);
    return printed_;
  }

 private:
  void read_all() {
    std::array<char, 65536> piece;
    for (;;) {
      const ssize_t count = ::read(out_, piece.data(), piece.size());
      const std::lock_guard lock(mutex_);
      if (count > 0) printed_.append(piece.data(), static_cast<std::size_t>(count));
      ended_ = count <= 0;
      printed_more_.notify_all();
      if (ended_) return;
    }
  }

  pid_t pid_ = 0;
  int out_ = -1;
  std::mutex mutex_;
  std::condition_variable printed_more_;
  std::string printed_;
  bool ended_ = false;
  std::thread reader_;
};

/// For clients that know of no proxy: a port of its own, each connection to which is a CONNECT tunnel.
class TunnelDoor {
 public:
  TunnelDoor(std::uint16_t proxy, std::string userinfo, std::string authority)
      : proxy_(proxy),
        userinfo_(std::move(userinfo)),
        authority_(std::move(authority)),
        listener_(standin::test::Stream::listen_loopback(port_)),
        acceptor_([this] { accept_all(); }) {}
  ~TunnelDoor() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (Tunnel& tunnel : tunnels_) {
      tunnel.near.stop();
      tunnel.far.stream().stop();
    }
    tunnels_.clear();
    ::close(listener_);
  }
  TunnelDoor(const TunnelDoor&) = delete;
  TunnelDoor& operator=(const TunnelDoor&) = delete;
  [[nodiscard]] std::string authority() const { return "localhost:" + std::to_string(port_); }

 private:
  struct Tunnel {
    Tunnel(int socket, std::uint16_t proxy) : near(socket), far(proxy) {}
    standin::test::Stream near;
    standin::test::TestClient far;
    std::jthread up, down;
  };

  static void relay(standin::test::Stream& from, standin::test::Stream& to) {
    try {
      for (std::string bytes = from.read_some(); !bytes.empty(); bytes = from.read_some()) to.write(bytes);
      to.fin();
    } catch (const standin::test::StreamError&) {
      to.stop();
    }
  }
  void accept_all() {
    for (;;) {
      const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) return;
      Tunnel& tunnel = tunnels_.emplace_back(socket, proxy_);
      try {
        (void)tunnel.far.connect(authority_, userinfo_);
      } catch (const standin::test::StreamError&) {
        continue;  // the client sees it when this is gone
      }
      tunnel.up = std::jthread([&] { relay(tunnel.near, tunnel.far.stream()); });
      tunnel.down = std::jthread([&] { relay(tunnel.far.stream(), tunnel.near); });
    }
  }

  std::uint16_t proxy_;
  std::string userinfo_, authority_;
  std::uint16_t port_ = 0;
  int listener_;
  std::list<Tunnel> tunnels_;
  std::thread acceptor_;
};

}  // namespace standin::proxy::test
