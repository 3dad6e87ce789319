#pragma once

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>

#include "proxy/buffer_cache.h"

namespace standin::proxy {

/// Bytes that were read from a connection and not yet used. Has memory only while it holds some, so that an
/// idle connection costs none.
class Inbox {
 public:
  /// One TLS record's worth and a head before it.
  static constexpr std::size_t ordinary_size = buffer_cache::record_size;
  /// What a read brings where more is on its way.
  static constexpr std::size_t full_read = 16 * 1024;

  [[nodiscard]] std::string_view bytes() const noexcept { return {data_.get() + begin_, end_ - begin_}; }
  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }

  /// Room to read into, behind what is there; moves it, so views into bytes() end here. At least one byte,
  /// unless `limit` bytes are held already.
  std::span<char> space(std::size_t limit = ordinary_size) {
    if (!data_) {
      data_ = buffer_cache::make(ordinary_size);
      capacity_ = ordinary_size;
    }
    if (begin_ > 0) {
      std::memmove(data_.get(), data_.get() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    if (end_ == capacity_ && capacity_ < limit) {
      const std::size_t grown = std::min(limit, capacity_ * 4);
      auto larger = buffer_cache::make(grown);
      std::memcpy(larger.get(), data_.get(), end_);
      data_ = std::move(larger);
      capacity_ = grown;
    }
    return {data_.get() + end_, capacity_ - end_};
  }
  /// The same where much comes: a whole read-ahead's records, if nothing is held.
  std::span<char> wide_space() {
    if (empty() && capacity_ < buffer_cache::read_ahead_size) {
      release();
      data_ = buffer_cache::make(buffer_cache::read_ahead_size);
      capacity_ = buffer_cache::read_ahead_size;
    }
    return space();
  }
  void commit(std::size_t n) noexcept { end_ += n; }
  /// The bytes stay where they are until the next space() or release().
  void consume(std::size_t n) noexcept { begin_ += n; }
  /// Gives its memory away, and with it what views into consumed bytes look at; the others are copied.
  [[nodiscard]] buffer_cache::Buffer detach() {
    const std::string_view rest = bytes();
    auto given = std::move(data_);
    capacity_ = begin_ = end_ = 0;
    if (rest.empty()) return given;
    capacity_ = std::max(ordinary_size, rest.size());
    data_ = buffer_cache::make(capacity_);
    std::memcpy(data_.get(), rest.data(), rest.size());
    end_ = rest.size();
    return given;
  }
  void release() noexcept {
    if (!empty()) return;
    data_.reset();
    begin_ = end_ = capacity_ = 0;
  }

 private:
  buffer_cache::Buffer data_;
  std::size_t capacity_ = 0, begin_ = 0, end_ = 0;
};

}  // namespace standin::proxy
