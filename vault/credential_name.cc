#include "vault/credential_name.h"

#include <algorithm>

#include "vault/messages.h"
#include "vault/record.h"
#include "vault/vault.h"

namespace standin::vault {
namespace {

// Not <cctype>: its answers depend on the locale.
bool is_letter_or_digit(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_name_character(char c) noexcept { return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-'; }

}  // namespace

bool is_allowed_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= max_name_bytes && is_letter_or_digit(name.front()) &&
         std::ranges::all_of(name, is_name_character);
}

void check_name(std::string_view name) {
  if (is_allowed_name(name)) return;
  throw Error(Error::Kind::bad_name, "credential name " + quoted_name(name) + " is not allowed",
              "a name has 1 to 100 letters, digits, '.', '_' or '-', and starts with a letter or digit");
}

}  // namespace standin::vault
