#include "proxy/buffer_cache.h"

#include <malloc.h>

#include <array>
#include <cstdlib>
#include <new>

#include <openssl/crypto.h>

namespace standin::proxy::buffer_cache {

namespace {

/// A smaller one is nothing that the heap makes a fuss of.
constexpr std::size_t smallest = 8 * 1024;
/// By how much a block may be larger than was asked for: malloc() rounds up.
constexpr std::size_t rounding = 64;

/// Free blocks of one size.
template <std::size_t size, std::size_t most>
struct Shelf {
  std::array<void*, most> blocks;
  std::size_t count;

  [[nodiscard]] void* take() noexcept { return count > 0 ? blocks[--count] : std::malloc(size); }
  void put(void* block) noexcept {
    if (count < most)
      blocks[count++] = block;
    else
      std::free(block);
  }
  void clear() noexcept {
    while (count > 0) std::free(blocks[--count]);
  }
  static bool has_made(std::size_t usable) noexcept { return usable >= size && usable < size + rounding; }
};

// Zero, and without destructors: OpenSSL frees its last when the thread's other variables are gone.
thread_local Shelf<record_size, 32> records;
thread_local Shelf<read_ahead_size, 8> read_aheads;
thread_local bool is_closed;

struct Closing {
  ~Closing() {
    is_closed = true;
    records.clear();
    read_aheads.clear();
  }
};

void* take_for_openssl(std::size_t size, const char*, int) { return take(size); }
void* resize_for_openssl(void* block, std::size_t size, const char*, int) {
  // As malloc() and free() would: of what it returns the size says whose it is.
  if (size != 0) return std::realloc(block, size);
  give_back(block);
  return nullptr;
}
void give_back_for_openssl(void* block, const char*, int) { give_back(block); }

/// Before anything can have asked OpenSSL for memory; it would not listen any more.
[[maybe_unused]] const int is_installed =
    CRYPTO_set_mem_functions(take_for_openssl, resize_for_openssl, give_back_for_openssl);

}  // namespace

void* take(std::size_t size) noexcept {
  if (size < smallest || size > read_ahead_size) return size == 0 ? nullptr : std::malloc(size);
  return size <= record_size ? records.take() : read_aheads.take();
}

void give_back(void* block) noexcept {
  if (!block) return;
  const std::size_t usable = ::malloc_usable_size(block);
  if (usable < record_size || is_closed) return std::free(block);
  thread_local const Closing closing;
  if (records.has_made(usable)) {
    records.put(block);
  } else if (read_aheads.has_made(usable)) {
    read_aheads.put(block);
  } else {
    std::free(block);
  }
}

Buffer make(std::size_t size) {
  Buffer buffer(static_cast<char*>(take(size)));
  if (!buffer) throw std::bad_alloc();
  return buffer;
}

}  // namespace standin::proxy::buffer_cache
