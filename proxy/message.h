#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "proxy/wiping_allocator.h"

namespace standin::proxy {

/// One header field as received, case and order kept. Views into the connection's buffer, or into a
/// replacement that the head owns.
struct Field {
  std::string_view name;
  std::string_view value;  // without the white space around it
};

/// A request head (RFC 9112 3) between being parsed and being sent. Valid for the length of the
/// interceptor's call. Replacements are wiped with the head.
class RequestHead {
 public:
  std::string_view method;
  std::string_view target;    // origin-form, "*" or "/…": what the origin will get
  std::vector<Field> fields;  // end-to-end and hop-by-hop, in order, repeated as sent

  void replace_value(std::size_t index, WipingBuffer value) { fields[index].value = keep(std::move(value)); }
  void replace_target(WipingBuffer value) { target = keep(std::move(value)); }

  void clear() noexcept {
    method = target = {};
    fields.clear();
    kept_.clear();
  }

 private:
  // Moving a vector moves its heap block, so a view stays valid when kept_ grows.
  std::string_view keep(WipingBuffer value) { return view(kept_.emplace_back(std::move(value))); }
  std::vector<WipingBuffer> kept_;
};

/// ASCII case-insensitive, as field names are (RFC 9110 5.1).
[[nodiscard]] bool same_name(std::string_view a, std::string_view b) noexcept;

}  // namespace standin::proxy
