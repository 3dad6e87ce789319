#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace standin::broker {

/// What the head of a part of multipart/form-data says (RFC 7578 4).
struct PartHead {
  /// The part's name where a secret may go into it: none where it is a file, encoded, or not form-data, or
  /// where the name could be read in two ways (name*=, twice, a backslash).
  std::optional<std::string> name;
};

/// `text`: the lines of the head, each with its CRLF. nullopt where it is no head: a bare CR or LF, a folded
/// line, a line without a field.
[[nodiscard]] std::optional<PartHead> parse_part_head(std::string_view text);

}  // namespace standin::broker
