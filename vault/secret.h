#pragma once

#include <cstddef>
#include <iosfwd>
#include <span>
#include <utility>

namespace standin::vault {

/// Key material or a credential's value: a resource, not a string.
///
/// Lives in memory of its own from sodium_malloc: locked against swapping (as far as RLIMIT_MEMLOCK lets),
/// kept out of core dumps, between guard pages, wiped when freed. Move-only, unprintable, compared in
/// constant time, and lent out only for the length of a call:
///
///     secret.reveal([](std::span<const std::byte> bytes) { ... });
///
/// The span must not outlive the call, must not cross a co_await, and must not be copied into a
/// std::string: short strings live inline, and no allocator wipes those.
///
/// Thread: as a value type; reveal() may run on many threads at once. Throws std::bad_alloc where the
/// memory can't be had.
class Secret {
 public:
  Secret() noexcept = default;
  /// `size` zero bytes, to be written through fill().
  explicit Secret(std::size_t size);
  /// A copy of `bytes`; the caller wipes its own.
  static Secret copy_of(std::span<const std::byte> bytes);

  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

  template <class F>
  decltype(auto) reveal(F&& use) const {
    return std::forward<F>(use)(std::span<const std::byte>(data_, size_));
  }
  template <class F>
  decltype(auto) fill(F&& write) {
    return std::forward<F>(write)(std::span<std::byte>(data_, size_));
  }
  /// Shortens to `size` bytes and wipes the rest. `size` must not exceed size().
  void truncate(std::size_t size) noexcept;

  /// Equal in length and content; takes the same time wherever they differ.
  friend bool operator==(const Secret& a, const Secret& b) noexcept;
  friend std::ostream& operator<<(std::ostream&, const Secret&) = delete;

 private:
  std::byte* data_ = nullptr;  // owned, from sodium_malloc; capacity is what was asked for first
  std::size_t size_ = 0;
};

}  // namespace standin::vault
