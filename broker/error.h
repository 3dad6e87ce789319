#pragma once

#include <stdexcept>
#include <string>

namespace standin::broker {

/// The one fault type of the broker room. what() is one lower-case line without a full stop; hint() may be
/// empty. Neither ever holds a secret.
class Error : public std::runtime_error {
 public:
  enum class Kind {
    bad_scope,       // an origin, site, variable or glob that is not allowed
    bad_record,      // a scope in the vault that can't be read
    no_credentials,  // nothing is meant for this command
    unknown_credential,
    unknown_provider,
    audit_unavailable,  // the log can't be written or read
    audit_damaged,      // a log line that is not a record
    bad_network,        // --allow-net, --egress
    io,                 // the run's own files
  };

  Error(Kind kind, const std::string& message, std::string hint = {})
      : std::runtime_error(message), kind_(kind), hint_(std::move(hint)) {}

  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  [[nodiscard]] const std::string& hint() const noexcept { return hint_; }

 private:
  Kind kind_;
  std::string hint_;
};

}  // namespace standin::broker
