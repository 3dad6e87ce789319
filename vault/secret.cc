#include "vault/secret.h"

#include <algorithm>
#include <new>

#include <sodium.h>

#include "vault/sealing.h"

namespace standin::vault {

// sodium_malloc does not fail where mlock does (RLIMIT_MEMLOCK is 64 KiB on older hosts): such memory
// could be swapped, but is guarded, wiped and kept out of core dumps all the same. Refusing to work
// there would help nobody.
Secret::Secret(std::size_t size) {
  if (size == 0) return;
  start_sodium();
  data_ = static_cast<std::byte*>(sodium_malloc(size));
  if (data_ == nullptr) throw std::bad_alloc();
  sodium_memzero(data_, size);
  size_ = size;
}

Secret Secret::copy_of(std::span<const std::byte> bytes) {
  Secret copy(bytes.size());
  std::ranges::copy(bytes, copy.data_);
  return copy;
}

Secret::Secret(Secret&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  // Assigning is how an old secret is given up: it must not live on in what was moved from.
  if (this != &other) Secret dropped(std::move(other));
  return *this;
}

Secret::~Secret() { sodium_free(data_); }

void Secret::truncate(std::size_t size) noexcept {
  if (size >= size_) return;
  sodium_memzero(data_ + size, size_ - size);
  size_ = size;
}

bool operator==(const Secret& a, const Secret& b) noexcept {
  if (a.size_ != b.size_) return false;
  return a.size_ == 0 || sodium_memcmp(a.data_, b.data_, a.size_) == 0;
}

}  // namespace standin::vault
