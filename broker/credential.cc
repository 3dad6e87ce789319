#include "broker/credential.h"

#include <algorithm>
#include <array>

#include <libpsl.h>

#include "broker/utf8.h"
#include "proxy/ascii.h"
#include "proxy/error.h"
#include "proxy/quoted.h"

namespace standin::broker {
namespace {

using proxy::quoted;

constexpr std::size_t longest_variable = 256;
constexpr std::size_t longest_glob = 256;

[[noreturn]] void refuse(const std::string& message, std::string hint = {}) {
  throw Error(Error::Kind::bad_scope, message, std::move(hint));
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (proxy::is_lower(c)) c = static_cast<char>(c & ~0x20);
  return out;
}

/// Sorted. What standin sets for the child (child_environment), and what a stand-in in it would break.
constexpr auto reserved_variables = std::to_array<std::string_view>({
    "ALL_PROXY",
    "AWS_CA_BUNDLE",
    "BASH_ENV",
    "BUNDLE_SSL_CA_CERT",
    "CARGO_HTTP_CAINFO",
    "CODEX_CA_CERTIFICATE",
    "CURL_CA_BUNDLE",
    "DENO_CERT",
    "DENO_TLS_CA_STORE",
    "ENV",
    "FTP_PROXY",
    "GIT_SSL_CAINFO",
    "GIT_SSL_NO_VERIFY",
    "GLIBC_TUNABLES",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "HEX_CACERTS_PATH",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "IFS",
    "JAVA_TOOL_OPTIONS",
    "LANG",
    "LOGNAME",
    "NIX_SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
    "NODE_OPTIONS",
    "NODE_TLS_REJECT_UNAUTHORIZED",
    "NODE_USE_ENV_PROXY",
    "NO_PROXY",
    "PATH",
    "PERL_LWP_ENV_PROXY",
    "PERL_LWP_SSL_CA_FILE",
    "PHP_INI_SCAN_DIR",
    "PIP_CERT",
    "PWD",
    "PYTHONHOME",
    "PYTHONPATH",
    "REQUESTS_CA_BUNDLE",
    "SHELL",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TERM",
    "TMPDIR",
    "USER",
    "WGETRC",
    "WSS_PROXY",
    "WS_PROXY",
});
static_assert(std::ranges::is_sorted(reserved_variables));

bool is_reserved(std::string_view variable) {
  const std::string name = upper(variable);  // http_proxy is HTTP_PROXY
  for (const std::string_view prefix : {"STANDIN_", "LD_", "DYLD_"})
    if (name.starts_with(prefix)) return true;
  return std::ranges::binary_search(reserved_variables, std::string_view(name));
}

/// Valid UTF-8 without control characters (C0, DEL, C1): what the scope's JSON and a terminal can hold.
bool is_printable(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    const auto character = utf8_at(text, at);
    if (!character || character->point < 0x20 || (character->point >= 0x7f && character->point < 0xa0))
      return false;
    at += character->length;
  }
  return true;
}

}  // namespace

bool Credential::is_bound_to(const proxy::Origin& origin) const noexcept {
  return std::ranges::any_of(origins, [&](const auto& pattern) { return pattern.matches(origin); });
}

proxy::OriginPattern parse_origin(std::string_view text) {
  try {
    auto pattern = proxy::OriginPattern::parse(text);
    if (!pattern.is_wildcard()) return pattern;
    // Fails closed: without the list, and for an unlisted single label by the list's own rule "*".
    const psl_ctx_t* list = psl_builtin();
    if (list == nullptr || psl_is_public_suffix2(list, pattern.host().c_str(), PSL_TYPE_ANY) != 0)
      refuse("origin " + quoted(text) + " has a wildcard over a public suffix, where anybody can have a name",
             "name the host itself, or a wildcard under a domain of one owner, such as *.example.com");
    return pattern;
  } catch (const proxy::Error& error) {
    refuse(error.what(), error.hint());
  }
}

std::string parse_variable(std::string_view text) {
  const bool named = !text.empty() && text.size() <= longest_variable &&
                     (proxy::is_alpha(text[0]) || text[0] == '_') &&
                     std::ranges::all_of(text, [](char c) { return proxy::is_alnum(c) || c == '_'; });
  if (!named)
    refuse("variable " + quoted(text) + " is not a name of letters, digits and _ that begins with no digit");
  if (is_reserved(text))
    refuse("variable " + quoted(text) + " can't hold a stand-in: standin or the system sets it",
           "use the variable from which the program reads its token");
  return std::string(text);
}

std::string parse_command_glob(std::string_view text) {
  if (text.empty() || text.size() > longest_glob || !is_printable(text))
    refuse("glob " + quoted(text) + " is not 1 to 256 printable characters");
  if (text.find_first_not_of("*? ") == text.npos)
    refuse("glob " + quoted(text) + " is for every command", "name the package or the program it is for");
  return std::string(text);
}

}  // namespace standin::broker
