#include "vault/messages.h"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "vault/error.h"

namespace standin::vault {
namespace {

constexpr std::size_t longest_shown_name = 60;

void append_escaped(std::string& out, char c) {
  constexpr std::string_view digits = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  out.append("\\x").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
}

bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool is_plain_in_shell(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("/._-+@%:=,").contains(c);
}

std::string hint_for(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return "free some space and run it again; the vault is as it was";
    case EFBIG:
      return "raise the limit on file sizes (ulimit -f); the vault is as it was";
    case EROFS:
      return "the file system is read-only; set STANDIN_HOME to a folder that can be written";
    case EACCES:
    case EPERM:
      return "check who owns the folder, and its mode";
    default:
      return {};
  }
}

}  // namespace

std::string quoted_name(std::string_view name) {
  std::string out = "\"";
  for (const char c : name.substr(0, longest_shown_name)) {
    if (is_control(c) || static_cast<unsigned char>(c) >= 0x80)
      append_escaped(out, c);
    else
      out.push_back(c);
  }
  if (name.size() > longest_shown_name) out.append("...");
  return out.append("\"");
}

std::string shown(const std::filesystem::path& path) {
  std::string out;
  for (const char c : path.native()) {
    if (is_control(c))
      append_escaped(out, c);
    else
      out.push_back(c);
  }
  return out;
}

std::string shell_word(const std::filesystem::path& path) {
  const std::string text = shown(path);
  if (!text.empty() && std::ranges::all_of(text, is_plain_in_shell)) return text;
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'')
      out.append("'\\''");
    else
      out.push_back(c);
  }
  return out.append("'");
}

void throw_system_error(const std::string& doing, int error) {
  std::string reason = std::generic_category().message(error);  // strerror, for any thread
  if (!reason.empty() && reason[0] >= 'A' && reason[0] <= 'Z') reason[0] = static_cast<char>(reason[0] + 32);
  throw Error(Error::Kind::io, doing + " failed: " + reason, hint_for(error));
}

}  // namespace standin::vault
