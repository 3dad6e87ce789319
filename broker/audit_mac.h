#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "vault/secret.h"

namespace standin::broker::audit {

/// A record's mac as it stands in the line: 32 bytes of keyed BLAKE2b in base64url without padding.
class Mac {
 public:
  static constexpr std::size_t length = 43;

  /// Over the bytes of a record up to its mac field.
  static Mac of_record(const vault::Secret& key, std::string_view signed_part);
  /// What stands as `prev` in the first record of a chain.
  static Mac of_chain(const vault::Secret& key, std::string_view run);

  [[nodiscard]] std::string_view text() const noexcept { return {text_.data(), length}; }
  /// In constant time.
  [[nodiscard]] bool fits(std::string_view text) const noexcept;

 private:
  std::array<char, length> text_{};
};

}  // namespace standin::broker::audit
