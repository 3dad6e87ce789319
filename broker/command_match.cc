// Which commands a credential is for: globs against the words of a command line.

#include <algorithm>

#include "broker/credential.h"
#include "proxy/ascii.h"

namespace standin::broker {
namespace {

bool is_version_character(char c) noexcept {
  return proxy::is_alnum(c) || std::string_view("._-+^~<>=*").find(c) != std::string_view::npos;
}

/// `text` up to `at`, where what follows the mark there looks like a version or a tag.
std::string_view cut_version(std::string_view text, std::size_t at, std::size_t mark) noexcept {
  if (at == text.npos || at == 0 || at + mark >= text.size()) return text;
  const bool version = std::ranges::all_of(text.substr(at + mark), is_version_character);
  return version ? text.substr(0, at) : text;
}

/// "@scope/pkg" of "npm:@scope/pkg@1.2.3", "pkg" of "pkg[cli]==1.2", "ghcr.io/o/image" of
/// "ghcr.io/o/image:1.0@sha256:...".
std::string_view without_version(std::string_view word) noexcept {
  if (word.starts_with("npm:")) word.remove_prefix(4);
  word = word.substr(0, word.find("@sha256:"));
  for (const std::string_view comparison : {"==", ">=", "<=", "~=", "!="})
    word = cut_version(word, word.find(comparison), comparison.size());
  word = cut_version(word, word.rfind('@'), 1);
  word = cut_version(word, word.rfind(':'), 1);
  if (word.ends_with(']') && word.find('[') != 0) word = word.substr(0, word.rfind('['));
  return word;
}

/// One pass with a single point to go back to, so no glob is slower than its length times the text's. Going
/// back to the last * is enough also though none stands for a space: a part with a space in it fits in one
/// place only.
bool glob_matches(std::string_view glob, std::string_view text) noexcept {
  std::size_t g = 0;
  std::size_t t = 0;
  std::size_t star = glob.npos;  // of the last * seen
  std::size_t taken = 0;         // up to here in `text` by it
  while (t < text.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      taken = t;
    } else if (g < glob.size() && (glob[g] == text[t] || (glob[g] == '?' && text[t] != ' '))) {
      ++g;
      ++t;
    } else if (star != glob.npos && text[taken] != ' ') {
      g = star + 1;
      t = ++taken;
    } else {
      return false;
    }
  }
  return glob.find_first_not_of('*', g) == glob.npos;
}

}  // namespace

bool is_for_command(std::string_view glob, std::span<const std::string> command) {
  if (command.empty()) return false;
  const std::string_view program = command.front();
  if (glob_matches(glob, program.substr(program.rfind('/') + 1))) return true;
  return std::ranges::any_of(command, [&](const std::string& word) {
    return glob_matches(glob, word) || glob_matches(glob, without_version(word));
  });
}

}  // namespace standin::broker
