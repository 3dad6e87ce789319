#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "proxy/certificate_authority.h"
#include "proxy/openssl_handles.h"
#include "proxy/origin.h"
#include "proxy/protocol.h"

namespace standin::proxy {

/// TLS towards the child: one context for all hosts, the leaf set for each connection. A context a host costs
/// more than its leaf.
class ServerTls {
 public:
  explicit ServerTls(CertificateAuthority& authority);
  /// Called once in the handshake, when it is known what the client can speak. Must outlive the handshake.
  using Hello = std::function<void(Protocol)>;
  /// In the accept state, with the leaf for `host`. Null where OpenSSL has no memory.
  [[nodiscard]] OwnedSsl accept(std::string_view host, const Hello& hello);

 private:
  CertificateAuthority& authority_;
  OwnedContext context_;
};

/// TLS towards origins: 1.2 or newer, the chain and the name always verified. There is no switch for that.
class ClientTls {
 public:
  /// Empty: the system's. Roots are read when they are first needed, a hashed directory root by root: parsing
  /// all of them at once takes 40 ms. Throws Error(trust) where a file or folder that was named can't be
  /// read.
  ClientTls(std::string trust_file, std::string trust_directory);

  enum class Offer : std::uint8_t { http1, http2, both };
  /// In the connect state, verifying for `origin.host`, resuming `session` where it can. Null, and fault()
  /// says why, where that can't be had.
  [[nodiscard]] OwnedSsl connect(const Origin& origin, SSL_SESSION* session, Offer offer);
  [[nodiscard]] std::string_view fault() const noexcept { return fault_; }

  /// Called for each session ticket of a connection made with connect(): `taken` gets what set_app_data() was
  /// given on the SSL.
  using TakeSession = void (*)(void* app_data, OwnedSession session);
  void on_session(TakeSession take) noexcept;

 private:
  void load_trust();

  std::string file_;
  std::string directory_;
  bool trust_is_loaded_ = false;
  std::string fault_;
  OwnedContext context_;
};

/// Whether anything was agreed on (RFC 7301).
[[nodiscard]] bool has_chosen_protocol(const SSL* ssl) noexcept;
/// What was; HTTP/1.1 where nothing was.
[[nodiscard]] Protocol chosen_protocol(const SSL* ssl) noexcept;

/// Why the handshake with an origin failed, for a person: "its certificate is for another name".
[[nodiscard]] std::string describe_handshake_failure(SSL* ssl, const Origin& origin);

}  // namespace standin::proxy
