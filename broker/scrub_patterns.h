#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/prefix_filter.h"
#include "broker/spelling.h"
#include "proxy/wiping_allocator.h"

namespace standin::broker {

/// What is to be replaced in what comes back, and by what: secrets that were sent, by their stand-ins. Made
/// once for a set of secrets, in microseconds; used for many texts (scrubber.h).
///
/// A secret is found as it is, and with any of its bytes percent-encoded ('+' for a space) or escaped as in a
/// JSON string, mixed; and inside base64 or base64url, wherever it stands in there.
///
/// Holds the secrets in wiping memory. Thread: as a value type; reading may happen on many threads at once.
class ScrubPatterns {
 public:
  /// A shorter secret is not looked for: it would be found in ordinary text.
  static constexpr std::size_t least_bytes = 8;

  /// A secret that was sent, and the stand-in that the child knows it by. False where that changes nothing:
  /// it is too short to be scrubbed, is its own stand-in, or has been added before.
  bool add(std::span<const std::byte> secret, std::string_view stand_in);
  /// The base64 text of a Basic value that was sent, and of what the child sent. For a secret alone add() is
  /// enough; with this, what is put in is what the child sent, to the byte. False as above.
  bool add_basic(std::string_view sent, std::string_view received);

  [[nodiscard]] bool empty() const noexcept { return patterns_.empty(); }
  /// No spelling is longer.
  [[nodiscard]] std::size_t longest() const noexcept { return longest_; }

  /// The first place at or after `from` where a spelling may begin: look there with match_at().
  [[nodiscard]] std::size_t next(std::string_view text, std::size_t from) const noexcept {
    return filter_.next(text, from);
  }
  struct Match {
    std::size_t length = 0;  // of the longest spelling that begins there; 0: none
    std::size_t pattern = 0;
    bool cut = false;  // the text ends in what may become a longer one
  };
  [[nodiscard]] Match match_at(std::string_view text, std::size_t at) const;
  /// Appends what is to stand there instead of `spelling`, text that match_at() found.
  void append_replacement(const Match& match, std::string_view spelling, proxy::WipingBuffer& out) const;

 private:
  struct Pattern {
    proxy::WipingBuffer text;
    std::string replacement;
    Alphabet alphabet;
  };
  void add_pattern(proxy::WipingBuffer text, std::string replacement, Alphabet alphabet);
  void add_inside_base64(std::span<const std::byte> secret, std::string_view stand_in, std::size_t before);

  std::vector<Pattern> patterns_;
  PrefixFilter filter_;
  std::array<std::vector<std::size_t>, PrefixFilter::groups_in_all> by_group_;  // of patterns_
  std::size_t longest_ = 0;
};

}  // namespace standin::broker
