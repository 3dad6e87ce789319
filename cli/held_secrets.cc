#include "cli/held_secrets.h"

#include <string.h>

#include <optional>
#include <string_view>

#include "vault/error.h"

namespace standin::cli {
namespace {

/// A shorter one ("1234") stands in many values by chance.
constexpr std::size_t long_enough = 8;

/// Built from the pieces in between, so that it never was a string with the secret in it.
std::optional<std::string> replaced(std::string_view text, std::string_view secret,
                                    std::string_view stand_in) {
  std::string result;
  std::size_t begin = 0;
  for (std::size_t at = 0; (at = text.find(secret, begin)) != text.npos; begin = at + secret.size()) {
    result.append(text.substr(begin, at - begin)).append(stand_in);
  }
  if (begin == 0) return std::nullopt;
  return result.append(text.substr(begin));
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

HeldSecrets::HeldSecrets(const vault::Vault& vault, std::span<const broker::Credential> credentials) {
  for (std::size_t i = 0; i < credentials.size(); ++i) {
    try {
      vault::Secret secret = vault.secret(credentials[i].name);
      if (secret.size() >= long_enough) secrets_.push_back({i, credentials[i].name, std::move(secret)});
    } catch (const vault::Error&) {
      continue;
    }
  }
}

std::vector<HeldSecrets::Replacement> HeldSecrets::replace_in(broker::Environment& environment,
                                                              std::span<const std::string> stand_ins) const {
  std::vector<Replacement> all;
  for (auto& [variable, value] : environment) {
    for (const Held& held : secrets_) {
      auto cleaned = held.secret.reveal(
          [&](auto bytes) { return replaced(value, as_text(bytes), stand_ins[held.index]); });
      if (!cleaned) continue;
      ::explicit_bzero(value.data(), value.size());
      value = std::move(*cleaned);
      all.push_back({variable, held.credential});
    }
  }
  return all;
}

std::string HeldSecrets::in(std::string_view text) const {
  for (const Held& held : secrets_) {
    const bool is_there =
        held.secret.reveal([text](auto bytes) { return text.find(as_text(bytes)) != text.npos; });
    if (is_there) return held.credential;
  }
  return {};
}

}  // namespace standin::cli
