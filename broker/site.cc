// The places in a request where a stand-in may be swapped, as flags and the catalogue write them.

#include <algorithm>
#include <array>

#include "broker/credential.h"
#include "broker/json_path.h"
#include "proxy/ascii.h"
#include "proxy/message.h"
#include "proxy/quoted.h"

namespace standin::broker {
namespace {

using proxy::quoted;

constexpr std::size_t longest_name = 128;
constexpr std::size_t longest_site = 256;

[[noreturn]] void refuse(const std::string& message, std::string hint = {}) {
  throw Error(Error::Kind::bad_scope, message, std::move(hint));
}

bool is_token(std::string_view text) noexcept {  // RFC 9110 5.6.2
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() &&
         std::ranges::all_of(text, [&](char c) { return proxy::is_alnum(c) || marks.find(c) != marks.npos; });
}

/// A secret in one of these would break the message's framing, or be read by every hop.
bool is_framing_field(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 13> fields = {"Host",
                                                       "Content-Length",
                                                       "Transfer-Encoding",
                                                       "Connection",
                                                       "Keep-Alive",
                                                       "TE",
                                                       "Trailer",
                                                       "Upgrade",
                                                       "Expect",
                                                       "Proxy-Authorization",
                                                       "Proxy-Connection",
                                                       "Via",
                                                       "Accept-Encoding"};
  return std::ranges::any_of(fields, [&](std::string_view field) { return proxy::same_name(field, name); });
}

constexpr const char* site_hint =
    "a site is authentication, header:NAME, basic, basic-form, query:NAME, path, form:NAME, json:/POINTER or "
    "ws-text";

Site named_site(Site::Kind kind, std::string_view text, std::string_view name) {
  if (name.size() > longest_name || !is_token(name))
    refuse("site " + quoted(text) + " does not have the name of a field or parameter after the colon",
           site_hint);
  if (kind == Site::Kind::header && is_framing_field(name))
    refuse("site " + quoted(text) +
           " is a field that frames or routes the message, which can't carry a secret");
  return {.kind = kind, .name = std::string(name)};
}

/// Field and member names are freer than tokens (auth[token], @key). Visible ASCII: they are shown, and
/// compared byte by byte with what was decoded.
bool is_body_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= longest_name &&
         std::ranges::all_of(name, [](char c) { return c > 0x20 && c < 0x7f; });
}

Site form_site(std::string_view text, std::string_view name) {
  if (!is_body_name(name))
    refuse("site " + quoted(text) + " does not have the name of a form's field after the colon",
           "a name is 1 to 128 visible ASCII characters, as the origin documents it: form:client_secret");
  return {.kind = Site::Kind::form, .name = std::string(name)};
}

Site json_site(std::string_view text, std::string_view pointer) {
  if (!is_body_name(pointer) || !is_json_pointer(pointer))
    refuse(
        "site " + quoted(text) + " does not have a JSON pointer after the colon",
        "a pointer names each member or index on the way, and writes ~ as ~0 and / as ~1: json:/auth/token "
        "or json:/items/0/key");
  return {.kind = Site::Kind::json, .name = std::string(pointer)};
}

}  // namespace

Site Site::parse(std::string_view text) {
  if (text == "authentication") return {};
  if (text == "basic") return {.kind = Kind::basic, .name = {}};
  if (text == "basic-form") return {.kind = Kind::basic_form, .name = {}};
  if (text == "path") return {.kind = Kind::path, .name = {}};
  if (text == "ws-text") return {.kind = Kind::ws_text, .name = {}};

  const auto colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  const std::string_view name =
      colon == text.npos || text.size() > longest_site ? "" : text.substr(colon + 1);
  if (kind == "header") return named_site(Kind::header, text, name);
  if (kind == "query") return named_site(Kind::query, text, name);
  if (kind == "form") return form_site(text, name);
  if (kind == "json") return json_site(text, name);
  refuse("site " + quoted(text) + " is of no known kind", site_hint);
}

std::string Site::to_string() const {
  switch (kind) {
    case Kind::authentication_fields:
      return "authentication";
    case Kind::header:
      return "header:" + name;
    case Kind::basic:
      return "basic";
    case Kind::basic_form:
      return "basic-form";
    case Kind::query:
      return "query:" + name;
    case Kind::path:
      return "path";
    case Kind::form:
      return "form:" + name;
    case Kind::json:
      return "json:" + name;
    case Kind::ws_text:
      return "ws-text";
  }
  return {};
}

}  // namespace standin::broker
