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

/// Values that were put in place of received ones.
class Replacements {
 public:
  // Moving a vector moves its heap block, so a view stays valid when kept_ grows.
  std::string_view keep(WipingBuffer value) { return view(kept_.emplace_back(std::move(value))); }
  [[nodiscard]] bool holds(std::string_view value) const noexcept {
    for (const WipingBuffer& kept : kept_) {
      if (kept.data() == value.data()) return true;
    }
    return false;
  }
  void clear() noexcept { kept_.clear(); }

 private:
  std::vector<WipingBuffer> kept_;
};

/// Doing it twice is doing it once (RFC 9110 9.2.2).
[[nodiscard]] bool is_idempotent(std::string_view method) noexcept;

/// A request head (RFC 9112 3) between being parsed and being sent. Valid for the length of the
/// interceptor's call. Replacements are wiped with the head.
class RequestHead {
 public:
  std::string_view method;
  std::string_view target;    // origin-form, "*" or "/…": what the origin will get
  std::vector<Field> fields;  // end-to-end and hop-by-hop, in order, repeated as sent

  void replace_value(std::size_t index, WipingBuffer value) { fields[index].value = keep(std::move(value)); }
  void replace_target(WipingBuffer value) { target = keep(std::move(value)); }

  /// It was put in here: a replacement, which may hold a secret.
  [[nodiscard]] bool is_replacement(std::string_view value) const noexcept { return kept_.holds(value); }

  void clear() noexcept {
    method = target = {};
    fields.clear();
    kept_.clear();
  }

 private:
  std::string_view keep(WipingBuffer value) { return kept_.keep(std::move(value)); }
  Replacements kept_;
};

/// A response head on its way to the client, an interim one (1xx) too. Valid for the length of the
/// interceptor's call. Replacements are wiped with the head.
class ResponseHead {
 public:
  unsigned status = 0;
  std::string_view reason;    // empty in HTTP/2
  std::vector<Field> fields;  // end-to-end and hop-by-hop, in order, repeated as sent

  void replace_value(std::size_t index, WipingBuffer value) {
    fields[index].value = kept_.keep(std::move(value));
  }
  void replace_reason(WipingBuffer value) { reason = kept_.keep(std::move(value)); }
  /// Its texts stay, whatever becomes of the connection's buffer.
  void own();

  void clear() noexcept {
    status = 0;
    reason = {};
    fields.clear();
    kept_.clear();
  }

 private:
  Replacements kept_;
};

/// ASCII case-insensitive, as field names are (RFC 9110 5.1).
[[nodiscard]] bool same_name(std::string_view a, std::string_view b) noexcept;

}  // namespace standin::proxy
