#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "tests/bench/end_to_end/connection.h"
#include "tests/bench/end_to_end/load.h"
#include "tests/bench/end_to_end/watched.h"

namespace standin::bench {

/// Times, kept small: of 100 ns.
class Latencies {
 public:
  void add(std::uint64_t nanoseconds) { all_.push_back(static_cast<std::uint32_t>(nanoseconds / 100)); }
  [[nodiscard]] std::size_t count() const { return all_.size(); }
  [[nodiscard]] double microseconds(double quantile);

 private:
  std::vector<std::uint32_t> all_;
};

/// One pattern of load: owns the connections, says when it is over and what came of it.
class Pattern : protected ConnectionOwner {
 public:
  explicit Pattern(const LoadOptions& options);
  ~Pattern() override;
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;

  /// Drives the connections until it is over.
  void run();
  virtual nlohmann::json figures() = 0;

 protected:
  virtual void begin() = 0;
  /// Asked after each turn of the loop.
  virtual bool is_over() = 0;
  Connection& connect(const std::string& host = "localhost");
  [[nodiscard]] const LoadOptions& options() const { return options_; }
  [[nodiscard]] const Watched& watched() const { return watched_; }
  /// From now on the watched process's time counts.
  void start_clock();
  [[nodiscard]] double processor_microseconds() const;
  [[nodiscard]] std::uint64_t started() const { return started_; }

 private:
  const LoadOptions& options_;
  Watched watched_;
  Way way_;
  int epoll_;
  std::deque<Connection> connections_;  // they stay where they are
  std::uint64_t started_ = 0, processor_ = 0;
};

std::unique_ptr<Pattern> closed_loop(const LoadOptions& options);
std::unique_ptr<Pattern> new_names(const LoadOptions& options);
std::unique_ptr<Pattern> transfer(const LoadOptions& options);
std::unique_ptr<Pattern> event_delays(const LoadOptions& options);
std::unique_ptr<Pattern> idle_tunnels(const LoadOptions& options);

}  // namespace standin::bench
