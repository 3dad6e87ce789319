#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace standin::vault {

/// Bytes that need no secrecy: what is sealed already, and what is not a secret.
using Bytes = std::vector<std::byte>;
using View = std::span<const std::byte>;

inline View bytes_of(std::string_view text) noexcept { return std::as_bytes(std::span(text)); }

inline void append(Bytes& out, View more) { out.insert(out.end(), more.begin(), more.end()); }

/// Little-endian, as every number of docs/vault-format.md.
template <std::unsigned_integral T>
void append_number(Bytes& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<std::byte>(value >> (8 * i)));
}

template <std::unsigned_integral T>
T number_at(View bytes) noexcept {
  T value = 0;
  for (std::size_t i = sizeof(T); i-- > 0;)
    value =
        static_cast<T>((static_cast<std::uint64_t>(value) << 8) | std::to_integer<std::uint64_t>(bytes[i]));
  return value;
}

/// Takes bytes off the front of untrusted ones. Running out is Error(corrupt), which names the part of
/// the file that was being read; the view is borrowed.
class Reader {
 public:
  Reader(View bytes, std::string where) : left_(bytes), where_(std::move(where)) {}

  void enter(std::string part) { part_ = std::move(part); }
  View take(std::size_t size);
  template <std::unsigned_integral T>
  T number() {
    return number_at<T>(take(sizeof(T)));
  }
  [[nodiscard]] bool at_end() const noexcept { return left_.empty(); }
  /// Throws Error(corrupt): "`where` is corrupt: `part` `why`".
  [[noreturn]] void reject(std::string_view why) const;
  void require(bool condition, std::string_view why) const {
    if (!condition) reject(why);
  }

 private:
  View left_;
  std::string where_;
  std::string part_;
};

/// "`where` is corrupt: `what`", with the hint that goes with it.
[[noreturn]] void throw_corrupt(const std::string& where, std::string_view what);

}  // namespace standin::vault
