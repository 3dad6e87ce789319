#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace standin::broker {

/// Finds stand-ins in a text: as they stand, and percent-encoded in any of their characters (either case of
/// hex), which is what a form encoder makes of them too, because no stand-in holds a space (stand_in.h).
///
/// Made once a run, asked for every request: a text without a stand-in costs about a nanosecond a byte.
/// Copies the stand-ins. Thread: next() may run on many threads at once.
class Recogniser {
 public:
  struct Match {
    std::size_t begin;
    std::size_t end;    // of the text as it stands, behind the last encoded character
    std::size_t index;  // into the stand-ins
  };

  explicit Recogniser(std::span<const std::string_view> stand_ins);

  /// The first stand-in at or after `from`; where several begin there, the longest. Calling it again with
  /// the `end` of the match walks the text in one pass. An empty stand-in is never found.
  [[nodiscard]] std::optional<Match> next(std::string_view text, std::size_t from = 0) const noexcept;

 private:
  std::vector<std::string> stand_ins_;
  std::vector<std::uint32_t> order_;        // by first character, then the longest first
  std::array<std::uint32_t, 257> first_{};  // where the stand-ins beginning with a character begin in order_
  std::array<bool, 256> may_begin_{};       // whether one can begin with the character, or it is '%'
};

/// The byte at text[at], and how many characters it takes: 3 where it is percent-encoded, else 1.
struct PercentDecoded {
  unsigned char byte;
  std::size_t length;
};
[[nodiscard]] PercentDecoded percent_decode_at(std::string_view text, std::size_t at) noexcept;

}  // namespace standin::broker
