#pragma once

#include <cstddef>
#include <memory>

namespace standin::proxy {

/// The buffers that connections take when bytes come and give back when they have none: OpenSSL's of records
/// (SSL_MODE_RELEASE_BUFFERS) and Inbox's. A request takes and returns six. As blocks of this size the heap
/// would split, join and trim itself around each of them, so each thread keeps a few of the two sizes that
/// there are. Linking this in has OpenSSL allocate through it.
///
/// What is taken may hold bytes of another connection of the process: nobody reads what nobody wrote.
namespace buffer_cache {

/// Up to `record_size`, `read_ahead_size` or more bytes; those beyond the second are the heap's as ever.
inline constexpr std::size_t record_size = 20 * 1024;
inline constexpr std::size_t read_ahead_size = 64 * 1024;

/// As malloc(): null where there is no memory.
[[nodiscard]] void* take(std::size_t size) noexcept;
/// Of take(), or of malloc().
void give_back(void* block) noexcept;

struct GiveBack {
  void operator()(char* block) const noexcept { give_back(block); }
};
using Buffer = std::unique_ptr<char[], GiveBack>;

/// Throws std::bad_alloc.
[[nodiscard]] Buffer make(std::size_t size);

}  // namespace buffer_cache
}  // namespace standin::proxy
