// As many requests as the time lets, the next when one is answered.
#include <unordered_set>

#include <nlohmann/json.hpp>

#include "tests/bench/end_to_end/pattern.h"

namespace standin::bench {
namespace {

class ClosedLoop final : public Pattern {
 public:
  ClosedLoop(const LoadOptions& options, bool each_anew) : Pattern(options), each_anew_(each_anew) {}

  nlohmann::json figures() override {
    const auto count = static_cast<double>(latencies_.count());
    return {{"rate", count / (static_cast<double>(now() - started()) / 1e9)},
            {"p50", latencies_.microseconds(0.5)},
            {"p99", latencies_.microseconds(0.99)},
            {"processor", processor_microseconds() / count}};
  }

 private:
  void begin() override {
    for (unsigned i = 0; i < options().connections; ++i) connect();
  }

  bool is_over() override {
    return started() != 0 && static_cast<double>(now() - started()) >= options().seconds * 1e9;
  }

  void on_open(Connection& connection) override {
    for (unsigned i = 0; i < options().streams; ++i) connection.ask();
  }

  void on_answer(Connection& connection, std::uint64_t asked) override {
    if (started() != 0) latencies_.add(now() - (each_anew_ ? connection.dialled() : asked));
    if (started() == 0 && warm_.insert(&connection).second && warm_.size() == options().connections)
      start_clock();
    each_anew_ ? connection.dial_next("localhost") : connection.ask();
  }

  bool each_anew_;
  std::unordered_set<const Connection*> warm_;  // had an answer; what is measured begins when all had
  Latencies latencies_;
};

}  // namespace

std::unique_ptr<Pattern> closed_loop(const LoadOptions& options) {
  return std::make_unique<ClosedLoop>(options, options.pattern == "new");
}

}  // namespace standin::bench
