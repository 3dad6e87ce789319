#pragma once

#include <string>
#include <string_view>

// The message law. Results go to stdout (cli/output.h). Everything else goes to stderr, through here: one
// line each, lower case, no full stop, `standin: error: …` and after it `standin: hint: …`. Colour only on a
// terminal, and not with NO_COLOR. Whatever came from outside is shown with its control bytes escaped and is
// cut, so that a hostile name or server can't write on the terminal.

namespace standin::cli {

void print_error(std::string_view message, std::string_view hint = {});
void print_warning(std::string_view message, std::string_view hint = {});
void print_hint(std::string_view hint);

/// `text` as it may be shown: control characters, invisible and bidirectional ones, and bytes that are not
/// UTF-8 escaped; what is longer than `limit` bytes cut, with "…".
std::string printable(std::string_view text, std::size_t limit = 1000);

/// printable(), within double quotes, cut to what fits in a message.
std::string in_quotes(std::string_view text);

}  // namespace standin::cli
