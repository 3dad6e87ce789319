// Connections to names that were never asked for before, one at a time; then the same names again.
#include <nlohmann/json.hpp>

#include "tests/bench/end_to_end/pattern.h"

namespace standin::bench {
namespace {

class NewNames final : public Pattern {
 public:
  explicit NewNames(const LoadOptions& options) : Pattern(options) {}

  nlohmann::json figures() override {
    const auto count = static_cast<double>(options().count);
    return {{"p50", first_.microseconds(0.5)},        {"p99", first_.microseconds(0.99)},
            {"processor", first_processor_ / count},  {"again_p50", again_.microseconds(0.5)},
            {"again_p99", again_.microseconds(0.99)}, {"again_processor", again_processor_ / count}};
  }

 private:
  [[nodiscard]] std::string name(std::size_t index) const {
    return "h" + std::to_string(options().first_name + index) + ".bench.test";
  }

  void begin() override {
    start_clock();
    connect(name(0));
  }
  bool is_over() override { return again_.count() == options().count; }
  void on_open(Connection& connection) override { connection.ask(); }

  void on_answer(Connection& connection, std::uint64_t) override {
    const bool is_first = first_.count() < options().count;
    (is_first ? first_ : again_).add(now() - connection.dialled());
    if (is_first && first_.count() == options().count) {
      first_processor_ = processor_microseconds();
      start_clock();
    }
    if (is_over()) again_processor_ = processor_microseconds();
    connection.dial_next(name((first_.count() + again_.count()) % options().count));
  }

  Latencies first_, again_;
  double first_processor_ = 0, again_processor_ = 0;
};

}  // namespace

std::unique_ptr<Pattern> new_names(const LoadOptions& options) { return std::make_unique<NewNames>(options); }

}  // namespace standin::bench
