#pragma once

#include <cstdint>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "proxy/message.h"

namespace standin::proxy {

/// The fields of one head or of trailers (RFC 9113 8.2), pseudo-fields first: as they came, or as they are to
/// be sent. All bytes are its own, and wiped: an origin's request may hold a secret.
class Http2Block {
 public:
  /// Whether HPACK may remember the field: a secret must not enter its table, from which it would be read
  /// back bit by bit (RFC 7541 7.1), and where it would outlive the request.
  enum class Indexed : std::uint8_t { yes, never };

  /// The name goes into lower case.
  void add(std::string_view name, std::string_view value, Indexed indexed = Indexed::yes);

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] Field operator[](std::size_t i) const noexcept;
  /// The value of the first of that name; empty where there is none.
  [[nodiscard]] std::string_view value_of(std::string_view name) const noexcept;
  [[nodiscard]] bool has(std::string_view name) const noexcept;
  /// As SETTINGS_MAX_HEADER_LIST_SIZE counts (RFC 9113 6.5.2).
  [[nodiscard]] std::size_t list_size() const noexcept { return text_.size() + 32 * entries_.size(); }

  /// For nghttp2, which copies. Valid while nothing is added.
  [[nodiscard]] std::vector<nghttp2_nv> to_nghttp2() const;

 private:
  struct Entry {
    std::size_t at;
    std::size_t name_size;
    std::size_t value_size;
    Indexed indexed;
  };
  WipingBuffer text_;
  std::vector<Entry> entries_;
};

}  // namespace standin::proxy
