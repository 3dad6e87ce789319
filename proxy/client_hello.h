#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/openssl_handles.h"

namespace standin::proxy {

/// What OpenSSL needs to read ClientHellos; made once, shared by the readers. Throws Error(tls).
class ClientHelloContext {
 public:
  ClientHelloContext();

 private:
  friend class ClientHelloReader;
  OwnedContext context_;
};

/// Reads a ClientHello (RFC 8446 4.1.2, RFC 5246 7.4.1.2) for the name in it, over any number of TLS records.
/// OpenSSL parses it, as the server it would be for, and is stopped before it answers.
///
/// Sans-IO: feed() may be given the bytes in any pieces, and ends the same. Bytes are only looked at: whoever
/// feeds them keeps them, for the one who is to have them.
class ClientHelloReader {
 public:
  /// Most are below 2 KiB, with a post-quantum key share too. More than this is none.
  static constexpr std::size_t max_bytes = 64 * 1024;

  enum class State : std::uint8_t {
    more,   // it is not whole yet
    whole,  // it is; server_name() has the name
    none,   // these bytes are no ClientHello, or too many
  };

  explicit ClientHelloReader(const ClientHelloContext& context);

  /// Goes on with `bytes`, the ones that follow those already fed.
  State feed(std::string_view bytes);

  /// The host name of its server_name extension (RFC 6066 3) as it stands there, letters, digits and "-._"
  /// only; nullopt where there is none or the extension is malformed.
  [[nodiscard]] const std::optional<std::string>& server_name() const noexcept { return server_name_; }

 private:
  friend class ClientHelloContext;
  static int on_client_hello(SSL* ssl, int* alert, void* unused);

  OwnedSsl ssl_;
  State state_ = State::more;
  std::size_t fed_ = 0;
  std::optional<std::string> server_name_;
};

}  // namespace standin::proxy
