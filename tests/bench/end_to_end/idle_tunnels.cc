// Connections that did one request and stay open.
#include <algorithm>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/bench/end_to_end/pattern.h"

namespace standin::bench {
namespace {

class IdleTunnels final : public Pattern {
 public:
  explicit IdleTunnels(const LoadOptions& options) : Pattern(options) {}

  nlohmann::json figures() override {
    const auto grown = static_cast<double>(after_) - static_cast<double>(before_);
    return {{"grown", grown / 1024 / options().connections * 1000},
            {"before", static_cast<double>(before_) / 1024}};
  }

 private:
  static constexpr unsigned at_once = 16;
  static constexpr std::uint64_t settling = 2'000'000'000;  // time-outs are looked at once a second

  void begin() override {
    before_ = watched().proportional();
    for (unsigned i = 0; i < std::min(at_once, options().connections); ++i) tunnels_.push_back(&connect());
  }

  void on_open(Connection& connection) override { connection.ask(); }

  void on_answer(Connection&, std::uint64_t) override {
    ++answered_;
    if (tunnels_.size() < options().connections) tunnels_.push_back(&connect());
    if (answered_ == options().connections) measured_at_ = now() + settling;
  }

  /// Behind the measurement each is asked once more: what was measured were live connections.
  bool is_over() override {
    if (!is_measured_ && measured_at_ != 0 && now() >= measured_at_) {
      is_measured_ = true;
      after_ = watched().proportional();
      for (Connection* tunnel : tunnels_) {
        tunnel->ask();
        tunnel->advance();
      }
    }
    return answered_ == 2 * options().connections;
  }

  std::vector<Connection*> tunnels_;
  std::size_t answered_ = 0;
  std::uint64_t before_ = 0, after_ = 0, measured_at_ = 0;
  bool is_measured_ = false;
};

}  // namespace

std::unique_ptr<Pattern> idle_tunnels(const LoadOptions& options) {
  return std::make_unique<IdleTunnels>(options);
}

}  // namespace standin::bench
