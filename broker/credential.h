#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/error.h"
#include "proxy/origin.h"

namespace standin::broker {

/// A place in a request where a stand-in may be swapped.
struct Site {
  enum class Kind : std::uint8_t {
    authentication_fields,  // the default: Authorization (any scheme, Basic decoded) and the well-known key
                            // fields
    header,                 // header:NAME, one field, any value
    basic,                  // basic: user or password of Authorization: Basic
    basic_form,             // basic-form: the same, form-encoded first (RFC 6749 2.3.1)
    query,                  // query:NAME, the value of one parameter
    path,                   // path: anywhere in the path
    form,                   // form:NAME, the value of one field of a form in the body
    json,                   // json:/POINTER, one string of a JSON body (RFC 6901)
    ws_text,                // ws-text: anywhere in a text message of a WebSocket
  };
  Kind kind = Kind::authentication_fields;
  std::string name;  // of header, query and form; json's pointer, as written

  /// "authentication", "header:X-Token", "basic", "basic-form", "query:key", "path", "form:client_secret",
  /// "json:/auth/token", "ws-text". Throws Error(bad_scope): unknown kinds, a name that is not a token (RFC
  /// 9110 5.6.2; in a body any visible ASCII), no JSON pointer, a field that frames or routes the message
  /// (Host, Content-Length, Connection, ...).
  static Site parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  bool operator==(const Site&) const = default;
};

/// What becomes of a secret that an origin sends back.
enum class Scrubbing : std::uint8_t {
  strict,   // it is replaced; a response that can't be read is refused
  lenient,  // it is left as it is, and responses may be in any coding
};

/// The shape of a secret that its stand-in copies: `prefix`, then `length` characters of `alphabet`. Comes
/// from the catalogue and never from a secret, so that it says nothing of one.
struct Shape {
  std::string
      prefix;  // "ghp_"; digits in it are made up where a real one differs ("1234567890:AA", Telegram)
  std::string alphabet;  // a named set: "alnum", "base64url", "hex" (lower case), "digits", "upper_alnum"
  std::size_t length = 0;
  bool operator==(const Shape&) const = default;
};

/// A named secret's scope: all that may be known of a credential without opening its secret. Sealed in the
/// vault as JSON (to_scope), with the name beside it.
struct Credential {
  std::string name;
  std::string provider;                       // a catalogue entry's name; empty: none
  std::vector<proxy::OriginPattern> origins;  // never empty
  std::vector<Site> sites;                    // never empty; {authentication_fields} is the default
  std::vector<std::string> variables;         // environment variables that get the stand-in
  std::vector<std::string> commands;          // globs of the commands it is for (--for)
  Scrubbing scrubbing = Scrubbing::strict;    // --no-scrub makes it lenient
  Shape shape;                                // what its stand-ins look like; length 0: none known

  [[nodiscard]] bool is_bound_to(const proxy::Origin& origin) const noexcept;

  [[nodiscard]] std::string to_scope() const;
  /// Throws Error(bad_record) naming the credential: no JSON, another version of the format, a member that is
  /// missing or of the wrong type, over 64 KiB. Members that are not known are ignored: what must not be
  /// ignored comes with a new version.
  static Credential from_scope(std::string_view name, std::string_view scope);
};

/// An origin as a flag gives it: OriginPattern::parse, then refused where the wildcard stands over a public
/// suffix (*.com, *.co.uk, *.github.io). Throws Error(bad_scope).
proxy::OriginPattern parse_origin(std::string_view text);
/// An environment variable's name: [A-Za-z_][A-Za-z0-9_]*, not one that standin itself sets (HTTPS_PROXY,
/// SSL_CERT_FILE, STANDIN_*...) or that no program survives (PATH, HOME, LD_*...). Throws Error(bad_scope).
std::string parse_variable(std::string_view text);
/// A --for glob: not empty, printable, at most 256 characters, and not of wildcards alone. Throws
/// Error(bad_scope).
std::string parse_command_glob(std::string_view text);

/// Whether `glob` (with * and ?) is meant for the command: matched against each argument, as it is and
/// without a version ("pkg@1.2.3", "@scope/pkg@latest", "pkg==1.2", "registry/image:1.0", "npm:pkg"), and
/// against the base name of the program (argument 0). Neither * nor ? stands for a space; nothing else is
/// special.
bool is_for_command(std::string_view glob, std::span<const std::string> command);

}  // namespace standin::broker
