#pragma once

#include <string>
#include <string_view>

namespace standin::proxy {

/// `text` as an error message may show it: in quotes, cut at 60 characters, and everything but printable
/// ASCII escaped ("\x1b"), so that a hostile name can't write to the terminal or forge a second line.
[[nodiscard]] std::string quoted(std::string_view text);

}  // namespace standin::proxy
