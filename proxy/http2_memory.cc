#include "proxy/http2_memory.h"

#include <malloc.h>
#include <string.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace standin::proxy {

namespace {

void* wiping_malloc(std::size_t size, void*) { return std::malloc(size); }
void* wiping_calloc(std::size_t count, std::size_t size, void*) { return std::calloc(count, size); }
void wiping_free(void* p, void*) {
  if (p) explicit_bzero(p, ::malloc_usable_size(p));
  std::free(p);
}
void* wiping_realloc(void* p, std::size_t size, void*) {
  if (!p) return std::malloc(size);
  void* larger = std::malloc(size);
  if (!larger) return nullptr;
  std::memcpy(larger, p, std::min(size, ::malloc_usable_size(p)));
  wiping_free(p, nullptr);
  return larger;
}

}  // namespace

nghttp2_mem* wiping_memory() noexcept {
  static nghttp2_mem memory = {nullptr, wiping_malloc, wiping_free, wiping_calloc, wiping_realloc};
  return &memory;
}

}  // namespace standin::proxy
