#include "broker/prefix_filter.h"

#include <algorithm>
#include <bit>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace standin::broker {

void PrefixFilter::allow(unsigned group, std::size_t place, unsigned char byte) {
  const auto bit = static_cast<std::uint8_t>(1U << group);
  bytes_[place * 256 + byte] |= bit;
  nibbles_[place * 32 + (byte & 15U)] |= bit;
  nibbles_[place * 32 + 16 + (byte >> 4U)] |= bit;
}

std::size_t PrefixFilter::skip_bytes(std::string_view text, std::size_t from) const noexcept {
  while (from + width <= text.size() && passing(text.data() + from) == 0) ++from;
  return from;
}

#if defined(__x86_64__)

namespace {

/// Where the first block begins that is not all impassable, and which of its places are not; with no such
/// block, where the blocks end, and none.
struct Block {
  std::size_t begin;
  std::uint64_t places;
};

/// 32 places at a time.
struct Avx2 {
  static constexpr std::size_t block = 32;

  __attribute__((target("avx2"))) static __m256i table_at(const std::uint8_t* table) noexcept {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)));
  }
  /// The groups that each of the bytes is allowed in: those of its low half and of its high half.
  __attribute__((target("avx2"))) static __m256i allowed(const char* at, __m256i low, __m256i high) noexcept {
    const __m256i half = _mm256_set1_epi8(15);
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
    return _mm256_and_si256(_mm256_shuffle_epi8(low, _mm256_and_si256(bytes, half)),
                            _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi16(bytes, 4), half)));
  }
  __attribute__((target("avx2"))) static Block next(const std::uint8_t* nibbles, std::string_view text,
                                                    std::size_t from) noexcept {
    __m256i low[PrefixFilter::width];
    __m256i high[PrefixFilter::width];
    for (std::size_t place = 0; place < PrefixFilter::width; ++place) {
      low[place] = table_at(nibbles + place * 32);
      high[place] = table_at(nibbles + place * 32 + 16);
    }
    for (; from + block + PrefixFilter::width - 1 <= text.size(); from += block) {
      const char* at = text.data() + from;
      __m256i groups = allowed(at, low[0], high[0]);
#pragma GCC unroll 4
      for (std::size_t place = 1; place < PrefixFilter::width; ++place)
        groups = _mm256_and_si256(groups, allowed(at + place, low[place], high[place]));
      const auto none =
          static_cast<unsigned>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(groups, _mm256_setzero_si256())));
      if (none != ~0U) return {from, ~none};
    }
    return {from, 0};
  }
};

/// 64 places at a time, and the rest as above.
struct Avx512 {
  static constexpr std::size_t block = 64;

  __attribute__((target("avx512bw"))) static __m512i table_at(const std::uint8_t* table) noexcept {
    return _mm512_maskz_broadcast_i32x4(0xffff, _mm_loadu_si128(reinterpret_cast<const __m128i*>(table)));
  }
  __attribute__((target("avx512bw"))) static __m512i allowed(const char* at, __m512i low,
                                                             __m512i high) noexcept {
    const __m512i half = _mm512_set1_epi8(15);
    const __m512i bytes = _mm512_loadu_si512(at);
    return _mm512_and_si512(_mm512_shuffle_epi8(low, _mm512_and_si512(bytes, half)),
                            _mm512_shuffle_epi8(high, _mm512_and_si512(_mm512_srli_epi16(bytes, 4), half)));
  }
  __attribute__((target("avx512bw"))) static Block next(const std::uint8_t* nibbles, std::string_view text,
                                                        std::size_t from) noexcept {
    __m512i low[PrefixFilter::width];
    __m512i high[PrefixFilter::width];
    for (std::size_t place = 0; place < PrefixFilter::width; ++place) {
      low[place] = table_at(nibbles + place * 32);
      high[place] = table_at(nibbles + place * 32 + 16);
    }
    for (; from + block + PrefixFilter::width - 1 <= text.size(); from += block) {
      const char* at = text.data() + from;
      __m512i groups = allowed(at, low[0], high[0]);
#pragma GCC unroll 4
      for (std::size_t place = 1; place < PrefixFilter::width; ++place)
        groups = _mm512_and_si512(groups, allowed(at + place, low[place], high[place]));
      if (const std::uint64_t some = _mm512_test_epi8_mask(groups, groups)) return {from, some};
    }
    return {from, 0};
  }
};

}  // namespace

template <class Lanes>
std::size_t PrefixFilter::skip_blocks(std::string_view text, std::size_t from) const noexcept {
  for (;;) {
    const Block found = Lanes::next(nibbles_.data(), text, from);
    if (found.places == 0) return found.begin;
    // By halves of bytes more passes than by whole ones.
    for (std::uint64_t places = found.places; places != 0; places &= places - 1) {
      const std::size_t at = found.begin + static_cast<std::size_t>(std::countr_zero(places));
      if (passing(text.data() + at) != 0) return at;
    }
    from = found.begin + Lanes::block;
  }
}

PrefixFilter::Step PrefixFilter::widest() noexcept {
  static const Step step = __builtin_cpu_supports("avx512bw") != 0 ? Step::avx512
                           : __builtin_cpu_supports("avx2") != 0   ? Step::avx2
                                                                   : Step::byte;
  return step;
}

std::size_t PrefixFilter::next(std::string_view text, std::size_t from, Step step) const noexcept {
  if (step == Step::avx512) from = skip_blocks<Avx512>(text, from);
  if (step != Step::byte) from = skip_blocks<Avx2>(text, from);
  return skip_bytes(text, from);
}

#else

PrefixFilter::Step PrefixFilter::widest() noexcept { return Step::byte; }

std::size_t PrefixFilter::next(std::string_view text, std::size_t from, Step) const noexcept {
  return skip_bytes(text, from);
}

#endif

}  // namespace standin::broker
