#pragma once

#include <cstdint>

namespace standin::bench {

/// The process that is measured: the proxy's, and nothing else. All figures are 0 for a process 0.
class Watched {
 public:
  explicit Watched(long pid) : pid_(pid) {}
  /// Nanoseconds of processor time, of all threads.
  [[nodiscard]] std::uint64_t processor_time() const;
  /// KiB that are resident.
  [[nodiscard]] std::uint64_t resident() const;
  /// KiB that are its own, shared pages by shares. Only root may ask that of a process that can't be dumped;
  /// for others it is resident().
  [[nodiscard]] std::uint64_t proportional() const;

 private:
  long pid_;
};

}  // namespace standin::bench
