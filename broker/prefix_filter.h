#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "proxy/wiping_allocator.h"

namespace standin::broker {

/// Says quickly where one of a set of patterns can't begin, by five bytes: what each of the first five may
/// be. Patterns are in eight groups, one bit each, so that one's first byte does not go with another's
/// second.
///
/// Costs about the same for one pattern as for twenty. The tables tell of secrets' first bytes: wiping
/// memory. Thread: as a value type.
class PrefixFilter {
 public:
  static constexpr std::size_t width = 5;
  static constexpr std::size_t groups_in_all = 8;

  /// In patterns of `group` (0 to 7), the byte at `place` (0 to 4) may be this one.
  void allow(unsigned group, std::size_t place, unsigned char byte);

  /// How many places are looked at together: 1, 32 or 64. The widest is the processor's.
  enum class Step : std::uint8_t { byte, avx2, avx512 };
  [[nodiscard]] static Step widest() noexcept;

  /// The first place at or after `from` that passes, or where the last four bytes of `text` begin (nothing
  /// is said of those), but never before `from`. The same whichever the step.
  [[nodiscard]] std::size_t next(std::string_view text, std::size_t from,
                                 Step step = widest()) const noexcept;

  /// The groups of which the three bytes at `at` can begin a pattern, or all where there are fewer than
  /// three.
  [[nodiscard]] unsigned groups(std::string_view text, std::size_t at) const noexcept {
    if (text.size() - at < width) return 0xff;
    return passing(text.data() + at);
  }

 private:
  using Table = std::vector<std::uint8_t, proxy::WipingAllocator<std::uint8_t>>;

  [[nodiscard]] unsigned passing(const char* at) const noexcept {
    const std::uint8_t* table = bytes_.data();
    unsigned groups = 0xff;
    for (std::size_t place = 0; place < width; ++place) {
      groups &= table[place * 256 + static_cast<unsigned char>(at[place])];
    }
    return groups;
  }
  [[nodiscard]] std::size_t skip_bytes(std::string_view text, std::size_t from) const noexcept;
  template <class Lanes>
  [[nodiscard]] std::size_t skip_blocks(std::string_view text, std::size_t from) const noexcept;

  Table bytes_ = Table(width * 256);
  Table nibbles_ = Table(width * 32);  // per place: 16 by the low half of a byte, 16 by the high one
};

}  // namespace standin::broker
