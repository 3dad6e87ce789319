#pragma once

#include <string.h>

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace standin::proxy {

/// Wipes what it gives back, so that a head that carried a secret leaves none on the heap.
template <class T>
struct WipingAllocator {
  using value_type = T;
  WipingAllocator() noexcept = default;
  template <class U>
  WipingAllocator(const WipingAllocator<U>&) noexcept {}  // NOLINT: allocators convert

  T* allocate(std::size_t n) { return std::allocator<T>().allocate(n); }
  void deallocate(T* p, std::size_t n) noexcept {
    explicit_bzero(p, n * sizeof(T));
    std::allocator<T>().deallocate(p, n);
  }
  template <class U>
  bool operator==(const WipingAllocator<U>&) const noexcept {
    return true;
  }
};

/// Bytes that may hold a secret. Not a std::string: a short string lives inline, where no allocator
/// wipes it.
using WipingBuffer = std::vector<char, WipingAllocator<char>>;

inline std::string_view view(const WipingBuffer& b) noexcept { return {b.data(), b.size()}; }
/// Not insert(): with an allocator that is not std's it copies byte by byte. `text` is not part of `b`.
inline void append(WipingBuffer& b, std::string_view text) {
  if (text.empty()) return;
  const std::size_t before = b.size();
  b.resize(before + text.size());
  memcpy(b.data() + before, text.data(), text.size());
}

}  // namespace standin::proxy
