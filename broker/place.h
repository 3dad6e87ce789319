#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "proxy/wiping_allocator.h"

namespace standin::broker {

/// What the place where a secret is put asks of it. What is put in is encoded by the place, never by the look
/// of the stand-in that stood there.
enum class Grammar : std::uint8_t {
  field,       // a header value, raw (RFC 9110 5.5): no control byte but HTAB
  basic,       // inside Basic, raw (RFC 7617 2): no control byte, no ':' in the user
  basic_form,  // inside Basic, form-encoded first (RFC 6749 2.3.1): any byte
  query,       // percent-encoded but for RFC 3986's unreserved characters: any byte. A form's fields too
  path,        // the same; '.' and '..' would be a way up, and are refused
  part,        // of multipart/form-data, raw (RFC 7578 4): any byte; the caller knows the boundary
  json,        // inside a JSON string, escaped (RFC 8259 7): UTF-8
  text,        // inside a text of unknown grammar, raw: UTF-8 that would need no escape if it were JSON
};

/// Why a place cannot carry a value; the text reads on after "which".
enum class Unusable : std::uint8_t {
  control_byte,
  colon_in_user,
  outer_space,
  dot_segment,
  not_utf8,
  needs_escape,
  boundary,
};
[[nodiscard]] std::string_view to_string(Unusable reason) noexcept;

enum class BasicPart : std::uint8_t { user, rest };  // before the first colon, or anything else

/// Appends `secret` to `out` as `grammar` has it, or says why that can't be; `out` is then of no use.
/// The bytes go nowhere but into `out`.
[[nodiscard]] std::optional<Unusable> append_encoded(proxy::WipingBuffer& out,
                                                     std::span<const std::byte> secret, Grammar grammar,
                                                     BasicPart part = BasicPart::rest);

/// A Basic value of Authorization: "Basic" and its spaces as sent, and the user-pass inside.
struct BasicValue {
  std::string_view scheme;        // "Basic ", a view into the value
  proxy::WipingBuffer user_pass;  // may hold a password of the client's own
};
/// nullopt where the value is not "Basic" and one base64 text (RFC 4648 4; its padding may be missing).
[[nodiscard]] std::optional<BasicValue> decode_basic(std::string_view value);
/// The value again, with the user-pass it has now.
[[nodiscard]] proxy::WipingBuffer encode_basic(const BasicValue& basic);

}  // namespace standin::broker
