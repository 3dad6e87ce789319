// Server-Sent Events, each with the time at which the origin wrote it.
#include <charconv>

#include <nlohmann/json.hpp>

#include "tests/bench/end_to_end/pattern.h"

namespace standin::bench {
namespace {

class EventDelays final : public Pattern {
 public:
  explicit EventDelays(const LoadOptions& options) : Pattern(options) {}

  nlohmann::json figures() override {
    return {{"p50", delays_.microseconds(0.5)},
            {"p99", delays_.microseconds(0.99)},
            {"processor", processor_microseconds() / static_cast<double>(delays_.count())}};
  }

 private:
  void begin() override { connect(); }
  bool is_over() override { return is_over_; }

  void on_open(Connection& connection) override {
    start_clock();
    connection.ask({"/events/" + std::to_string(options().count)});
  }

  void on_body(Connection&, std::string_view piece) override {
    const std::uint64_t at = now();
    pending_ += piece;
    for (std::size_t end = 0; (end = pending_.find("\n\n")) != std::string::npos;
         pending_.erase(0, end + 2)) {
      const std::string_view value = std::string_view(pending_).substr(0, end).substr(sizeof "data:");
      std::uint64_t stamp = 0;
      std::from_chars(value.data(), value.data() + value.size(), stamp);
      delays_.add(at - stamp);
    }
  }

  void on_answer(Connection&, std::uint64_t) override {
    if (delays_.count() != options().count) die("not as many events as were asked for");
    is_over_ = true;
  }

  std::string pending_;
  Latencies delays_;
  bool is_over_ = false;
};

}  // namespace

std::unique_ptr<Pattern> event_delays(const LoadOptions& options) {
  return std::make_unique<EventDelays>(options);
}

}  // namespace standin::bench
