#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <atomic>
#include <functional>
#include <map>
#include <thread>

#include "tests/cli/connect_probe.h"

namespace standin::cli::test {

/// A thread flips the address while the kernel asks: "BAIT PORT TARGET PORT ROUNDS". None may reach the
/// target.
int race(const Words& words) {
  const Address bait = address_of(words, 0);
  const Address target = address_of(words, 2);
  Address shared = bait;
  std::atomic<bool> stop{false};
  std::thread flipper([&] {
    while (!stop) {
      std::memcpy(&shared.storage, &target.storage, sizeof(sockaddr_in));
      std::memcpy(&shared.storage, &bait.storage, sizeof(sockaddr_in));
    }
  });
  std::map<std::string, int> answers;
  for (int i = std::stoi(words.at(4)); i > 0; --i) {
    const int socket = stream_for(bait);
    const int error = connect_errno(socket, shared);
    ++answers[error == 0 ? answer_from(socket) : name_of(error)];
    ::close(socket);
  }
  stop = true;
  flipper.join();
  for (const auto& [answer, count] : answers) say(answer);
  return 0;
}

/// "THREADS EACH MODE": every connection has a destination of its own.
int many(const Words& words) {
  const int threads = std::stoi(words.at(0));
  const int each = std::stoi(words.at(1));
  const bool blocks = words.at(2) == "blocking";
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  std::atomic<int> right{0}, wrong{0}, failed{0};
  const auto one = [&](int id) {
    const std::string host =
        "203.0." + std::to_string(100 + id / 250 % 100) + "." + std::to_string(1 + id % 250);
    const int port = id % 2 == 0 ? 443 : 80;
    const Address to = address_of(host, port);
    const int socket = stream_for(to, blocks ? 0 : SOCK_NONBLOCK);
    int error = connect_errno(socket, to);
    if (!blocks && error == EINPROGRESS) {
      pollfd line{socket, POLLOUT, 0};
      ::poll(&line, 1, 60000);
      error = error_of(socket);
      ::fcntl(socket, F_SETFL, 0);
    }
    if (error != 0) {
      ++failed;
    } else {
      ++(answer_from(socket) == host + ":" + std::to_string(port) ? right : wrong);
    }
    ::close(socket);
  };
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t) {
    all.emplace_back([&, t] {
      for (int i = 0; i < each; ++i) one(t * each + i);
    });
  }
  for (auto& thread : all) thread.join();
  say("right " + std::to_string(right) + " wrong " + std::to_string(wrong) + " failed " +
      std::to_string(failed));
  return 0;
}

namespace {
std::atomic<long> signals_seen{0};
}

/// "HOST PORT ROUNDS restart|interrupt MICROSECONDS": connects under a rain of signals.
int signals(const Words& words) {
  const Address to = address_of(words);
  const bool restart = words.at(3) == "restart";
  const auto pause = static_cast<useconds_t>(std::stoi(words.at(4)));
  struct sigaction action {};
  action.sa_handler = [](int) { ++signals_seen; };
  action.sa_flags = restart ? SA_RESTART : 0;
  ::sigaction(SIGUSR1, &action, nullptr);
  const pthread_t target = ::pthread_self();
  std::atomic<bool> stop{false};
  std::thread rain([&] {
    while (!stop) {
      ::pthread_kill(target, SIGUSR1);
      ::usleep(pause);
    }
  });
  std::map<std::string, int> answers;
  for (int i = std::stoi(words.at(2)); i > 0; --i) {
    const int socket = stream_for(to);
    int error = connect_errno(socket, to);
    while (error == EINTR) error = connect_errno(socket, to);
    ++answers[error == 0 ? answer_from(socket) : name_of(error)];
    ::close(socket);
  }
  stop = true;
  rain.join();
  say(signals_seen > 0 ? "signals came" : "no signal came");
  for (const auto& [answer, count] : answers) say(answer + " x" + std::to_string(count));
  return 0;
}

/// The ways a process tree grows, the last a daemon that has left its parents.
int tree(const Words& words) {
  const Address to = address_of(words);
  const auto child = [](const std::function<void()>& work) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      work();
      ::_exit(0);
    }
    ::waitpid(pid, nullptr, 0);
  };
  child([&] { say("fork " + visit(to)); });
  std::thread([&] { say("thread " + visit(to)); }).join();
  child([&] {
    ::execl("/proc/self/exe", "connect_probe", "visit", words[0].c_str(), words[1].c_str(), nullptr);
  });
  int gone[2];
  if (::pipe(gone) != 0) return 91;
  child([&] {
    ::setsid();
    if (::fork() != 0) return;
    char byte = 0;
    ::close(gone[1]);
    while (::read(gone[0], &byte, 1) < 0) {
    }  // until its parents have gone
    say("daemon " + visit(to));
  });
  ::close(gone[1]);
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) < 0) {
  }
  return 0;
}

}  // namespace standin::cli::test
