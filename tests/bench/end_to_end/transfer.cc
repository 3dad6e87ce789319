// One body, down or up.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "tests/bench/end_to_end/pattern.h"

namespace standin::bench {
namespace {

constexpr double mebibyte = 1024.0 * 1024.0;

class Transfer final : public Pattern {
 public:
  explicit Transfer(const LoadOptions& options) : Pattern(options), is_up_(options.pattern == "up") {}

  nlohmann::json figures() override {
    const auto bytes = static_cast<double>(options().bytes);
    return {{"rate", bytes / mebibyte / (static_cast<double>(ended_ - started()) / 1e9)},
            {"processor", processor_ / (bytes / mebibyte / 1024)},
            {"grown", static_cast<double>(most_ - before_) / 1024}};
  }

 private:
  /// The first request is a small one, so that no handshake is in the figures.
  void begin() override { connect(); }
  void on_open(Connection& connection) override { connection.ask(); }

  bool is_over() override {
    // Memory at each turn of the loop would be most of what the loop does.
    if (started() != 0 && ended_ == 0 && now() >= next_look_) look();
    return ended_ != 0;
  }

  void on_body(Connection&, std::string_view piece) override {
    if (started() == 0) return;
    received_ += piece.size();
    if (is_up_) text_ += piece;
    if (now() >= next_look_) look();
  }

  void on_answer(Connection& connection, std::uint64_t) override {
    if (started() == 0) {
      before_ = most_ = watched().resident();
      start_clock();
      const std::string down = "/bytes/" + std::to_string(options().bytes);
      return connection.ask(is_up_ ? Request{"/sink", options().bytes} : Request{down});
    }
    ended_ = now();
    processor_ = processor_microseconds();
    look();
    const bool is_whole = is_up_ ? text_ == std::to_string(options().bytes) : received_ == options().bytes;
    if (!is_whole) die("the body did not arrive whole");
  }

  void look() {
    most_ = std::max(most_, watched().resident());
    next_look_ = now() + 5'000'000;
  }

  bool is_up_;
  std::string text_;
  std::uint64_t received_ = 0, before_ = 0, most_ = 0, next_look_ = 0, ended_ = 0;
  double processor_ = 0;
};

}  // namespace

std::unique_ptr<Pattern> transfer(const LoadOptions& options) { return std::make_unique<Transfer>(options); }

}  // namespace standin::bench
