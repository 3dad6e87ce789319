#pragma once

#include <stdexcept>
#include <string>

namespace standin::proxy {

/// The one fault type of the proxy room: what cannot be set up, or what a person wrote wrongly. How a
/// conversation with a client or an origin ends is never an exception; it is a value.
class Error : public std::runtime_error {
 public:
  enum class Kind {
    bad_origin,      // the text is not an origin
    bad_address,     // the text is not an IP address or a CIDR range
    listen,          // no loopback port could be had
    tls,             // OpenSSL refused to make a key, a certificate or a context
    trust,           // the roots that the environment names can't be used
    upstream_proxy,  // HTTPS_PROXY and the like can't be used
  };

  Error(Kind kind, const std::string& message, std::string hint = {})
      : std::runtime_error(message), kind_(kind), hint_(std::move(hint)) {}

  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  [[nodiscard]] const std::string& hint() const noexcept { return hint_; }

 private:
  Kind kind_;
  std::string hint_;
};

}  // namespace standin::proxy
