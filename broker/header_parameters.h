#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace standin::broker {

/// A field value with parameters (RFC 9110 5.6.6): a media type, a Content-Disposition.
struct Parameters {
  struct Parameter {
    std::string name;  // lower case
    std::string value;
  };
  std::string first;  // what stands before them, lower case: "multipart/form-data"
  std::vector<Parameter> rest;

  /// nullptr where there is none of this name.
  [[nodiscard]] const std::string* find(std::string_view name) const noexcept;
};

/// nullopt where two readers could see two things: anything that is not the grammar to the last byte, a
/// parameter twice, a backslash in a quoted string (a browser means itself by it, RFC 9110 the next
/// character). Beast's param_list can't be asked this: it ends at a fault as at the end.
[[nodiscard]] std::optional<Parameters> parse_parameters(std::string_view text);

}  // namespace standin::broker
