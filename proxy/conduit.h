#pragma once

#include <cstddef>

namespace standin::proxy {

/// A pipe between two sockets, through which much goes without being copied (splice(2)). Costs two
/// descriptors, so that only so many are open at once.
///
/// Thread: the proxy's.
class Conduit {
 public:
  /// What it holds at most, at once.
  static constexpr std::size_t capacity = 128 * 1024;

  Conduit() = default;
  ~Conduit() { close(); }
  Conduit(const Conduit&) = delete;
  Conduit& operator=(const Conduit&) = delete;

  /// Stays closed where there are too many, or the system has none to give.
  void open() noexcept;
  void close() noexcept;
  [[nodiscard]] bool is_open() const noexcept { return entrance_ >= 0; }
  [[nodiscard]] int entrance() const noexcept { return entrance_; }
  [[nodiscard]] int exit() const noexcept { return exit_; }

 private:
  int entrance_ = -1;
  int exit_ = -1;
};

}  // namespace standin::proxy
