#pragma once

#include <string.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <utility>
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
  /// A buffer that grows to be written over is not cleared first.
  template <class U>
  void construct(U* p) noexcept {
    ::new (static_cast<void*>(p)) U;
  }
  template <class U, class... Arguments>
  void construct(U* p, Arguments&&... arguments) {
    ::new (static_cast<void*>(p)) U(std::forward<Arguments>(arguments)...);
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
/// vector's own insert() goes byte by byte where the allocator is not the standard one.
inline void append(WipingBuffer& b, std::string_view text) {
  if (text.empty()) return;
  const std::size_t size = b.size();
  if (b.capacity() - size < text.size()) {
    WipingBuffer larger;
    larger.reserve(std::max(size + text.size(), 2 * size));
    larger.resize(size);
    if (size > 0) std::memcpy(larger.data(), b.data(), size);
    b.swap(larger);
  }
  b.resize(size + text.size());
  std::memcpy(b.data() + size, text.data(), text.size());
}

}  // namespace standin::proxy
