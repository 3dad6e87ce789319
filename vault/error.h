#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace standin::vault {

/// The one fault type of the vault room. what() is one lower-case line without a full stop: what
/// failed, where (the path) and why (strerror where the system said it); hint() says what to do next
/// and may be empty. Neither ever holds key material, a secret, or a byte of one.
class Error : public std::runtime_error {
 public:
  enum class Kind {
    missing,        // no vault, or no key file, at the path
    exists,         // create() refuses to overwrite; add() found the name
    not_found,      // no credential of that name
    changed,        // another process changed the credential meanwhile
    wrong_key,      // no key slot opens with what was given
    locked_out,     // opening needs a passphrase and none can be asked for
    truncated,      // the file ends early
    corrupt,        // a flipped bit, a moved record, anything that does not authenticate
    newer_version,  // written by a later standin
    permissions,    // others can read the vault or the key
    not_ours,       // the file belongs to another user
    bad_name,       // a credential's name that is not allowed
    bad_secret,     // empty or too large: a secret, a passphrase, a scope, the vault
    io,             // the system refused: disk full, read-only, ...
  };

  Error(Kind kind, const std::string& message, std::string hint = {})
      : std::runtime_error(message), kind_(kind), hint_(std::move(hint)) {}

  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  [[nodiscard]] const std::string& hint() const noexcept { return hint_; }

 private:
  Kind kind_;
  std::string hint_;
};

}  // namespace standin::vault
