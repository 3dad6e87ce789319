#include "proxy/tls.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "proxy/buffer_cache.h"
#include "proxy/error.h"

namespace standin::proxy {

namespace {

// Several TLS records a read(2), where a body is on its way; released again when a connection is idle.
constexpr std::size_t read_buffer_bytes = buffer_cache::read_ahead_size;
// ALPN's wire form (RFC 7301 3.1) of "h2" and "http/1.1".
constexpr std::array<unsigned char, 12> alpn = {2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
constexpr std::size_t h2_size = 3;

/// TLS 1.3 with AES-128 first, as browsers and Go have it: OpenSSL's own order has AES-256 first, which costs
/// a large body a twelfth more, twice. What the machine's policy does not allow stays out.
void prefer_aes_128(SSL_CTX* context) {
  constexpr std::string_view preferred = "TLS_AES_128_GCM_SHA256";
  std::string names;
  const STACK_OF(SSL_CIPHER)* all = SSL_CTX_get_ciphers(context);
  for (int i = 0; i < sk_SSL_CIPHER_num(all); ++i) {
    const std::string_view name = SSL_CIPHER_get_name(sk_SSL_CIPHER_value(all, i));
    if (!name.starts_with("TLS_")) continue;
    names.insert(name == preferred ? 0 : names.size(), std::string(name) + ":");
  }
  if (names.empty()) return;
  names.pop_back();
  if (SSL_CTX_set_ciphersuites(context, names.c_str()) != 1) throw_openssl_error("order the cipher suites");
}

OwnedContext make_context(const SSL_METHOD* method, const char* what) {
  OwnedContext context(SSL_CTX_new(method));
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1)
    throw_openssl_error(what);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context.get(), 1);
  SSL_CTX_set_default_read_buffer_len(context.get(), read_buffer_bytes);
  SSL_CTX_set_options(context.get(),
                      SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  prefer_aes_128(context.get());
  return context;
}

int select_alpn(SSL*, const unsigned char** out, unsigned char* length, const unsigned char* in,
                unsigned in_length, void*) {
  auto* selected = const_cast<unsigned char**>(out);
  const int found = SSL_select_next_proto(selected, length, alpn.data(), alpn.size(), in, in_length);
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/// Whether the list in a ClientHello's ALPN extension names h2.
bool offers_h2(SSL* ssl) noexcept {
  const unsigned char* list = nullptr;
  std::size_t size = 0;
  constexpr unsigned alpn_extension = TLSEXT_TYPE_application_layer_protocol_negotiation;
  if (SSL_client_hello_get0_ext(ssl, alpn_extension, &list, &size) != 1) return false;
  for (std::size_t at = 2; at < size; at += 1U + list[at]) {
    if (size - at >= h2_size && std::equal(alpn.begin(), alpn.begin() + h2_size, list + at)) return true;
  }
  return false;
}

int on_client_hello(SSL* ssl, int*, void*) {
  const auto* hello = static_cast<const ServerTls::Hello*>(SSL_get_app_data(ssl));
  try {
    if (hello && *hello) (*hello)(offers_h2(ssl) ? Protocol::http2 : Protocol::http1);
  } catch (const std::exception&) {
    // Out of memory: nothing is made ahead.
  }
  SSL_set_app_data(ssl, nullptr);  // once: there may be a second one, after a HelloRetryRequest
  return SSL_CLIENT_HELLO_SUCCESS;
}

ClientTls::TakeSession& take_session() {
  static ClientTls::TakeSession take = nullptr;
  return take;
}

int on_new_session(SSL* ssl, SSL_SESSION* session) {
  void* data = SSL_get_app_data(ssl);
  if (!data || !take_session()) return 0;
  // A copy: OpenSSL marks the connection's own as one not to be resumed when that connection ends without
  // both close_notify, and most do. TLS 1.2 and newer do not ask for it (RFC 5246 7.2.1).
  if (OwnedSession copy{SSL_SESSION_dup(session)}) take_session()(data, std::move(copy));
  return 0;  // theirs stays theirs
}

void require_readable(const std::string& path, const char* variable) {
  if (path.empty() || ::access(path.c_str(), R_OK) == 0) return;
  throw Error(Error::Kind::trust,
              "cannot read " + std::string(variable) + " " + path + ": " + std::strerror(errno),
              std::string("correct or unset ") + variable + ", the roots that origins are verified with");
}

/// The default locations' roots where the file that was named is only another name of the same bundle.
bool is_system_bundle(const std::string& path) {
  struct stat named {};
  struct stat system {};
  return ::stat(path.c_str(), &named) == 0 && ::stat("/etc/ssl/certs/ca-certificates.crt", &system) == 0 &&
         named.st_dev == system.st_dev && named.st_ino == system.st_ino;
}

}  // namespace

ServerTls::ServerTls(CertificateAuthority& authority)
    : authority_(authority), context_(make_context(TLS_server_method(), "set up TLS towards the child")) {
  static constexpr unsigned char id[] = "standin";
  SSL_CTX_set_session_id_context(context_.get(), id, sizeof id - 1);
  SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context_.get(), 1);
  SSL_CTX_set_alpn_select_cb(context_.get(), select_alpn, nullptr);
  SSL_CTX_set_client_hello_cb(context_.get(), on_client_hello, nullptr);
}

OwnedSsl ServerTls::accept(std::string_view host, const Hello& hello) {
  OwnedSsl ssl(SSL_new(context_.get()));
  if (!ssl || SSL_use_certificate(ssl.get(), authority_.leaf(host)) != 1 ||
      SSL_use_PrivateKey(ssl.get(), authority_.leaf_key()) != 1) {
    ERR_clear_error();
    return nullptr;
  }
  SSL_set_app_data(ssl.get(), const_cast<Hello*>(&hello));
  SSL_set_accept_state(ssl.get());
  return ssl;
}

ClientTls::ClientTls(std::string trust_file, std::string trust_directory)
    : file_(std::move(trust_file)),
      directory_(std::move(trust_directory)),
      context_(make_context(TLS_client_method(), "set up TLS towards origins")) {
  require_readable(file_, "SSL_CERT_FILE");
  SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context_.get(), on_new_session);
}

void ClientTls::load_trust() {
  if (trust_is_loaded_) return;
  trust_is_loaded_ = true;
  X509_STORE* store = SSL_CTX_get_cert_store(context_.get());
  if (!file_.empty() && !(directory_.empty() && is_system_bundle(file_))) {
    // Fails where it is readable and holds no certificate.
    if (X509_STORE_load_file(store, file_.c_str()) != 1) fault_ = "no roots could be read from " + file_;
  } else {
    const char* file = X509_get_default_cert_file();
    if (::access(file, R_OK) == 0) X509_STORE_load_file(store, file);
  }
  // A list of folders, as OpenSSL takes it; each is looked into by subject hash when a root is wanted.
  X509_STORE_load_path(store, directory_.empty() ? X509_get_default_cert_dir() : directory_.c_str());
  ERR_clear_error();
}

OwnedSsl ClientTls::connect(const Origin& origin, SSL_SESSION* session, Offer offer) {
  load_trust();
  OwnedSsl ssl(fault_.empty() ? SSL_new(context_.get()) : nullptr);
  if (!ssl) return nullptr;
  X509_VERIFY_PARAM* verify = SSL_get0_param(ssl.get());
  bool named = false;
  if (const auto address = origin.address()) {
    named = X509_VERIFY_PARAM_set1_ip_asc(verify, origin.host.c_str()) == 1;  // and no SNI (RFC 6066 3)
  } else {
    X509_VERIFY_PARAM_set_hostflags(verify, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    named = X509_VERIFY_PARAM_set1_host(verify, origin.host.c_str(), origin.host.size()) == 1 &&
            SSL_set_tlsext_host_name(ssl.get(), origin.host.c_str()) == 1;
  }
  if (!named) return nullptr;
  const std::size_t from = offer == Offer::http1 ? h2_size : 0;
  const std::size_t to = offer == Offer::http2 ? h2_size : alpn.size();
  SSL_set_alpn_protos(ssl.get(), alpn.data() + from, static_cast<unsigned>(to - from));
  if (session) SSL_set_session(ssl.get(), session);
  SSL_set_connect_state(ssl.get());
  return ssl;
}

bool has_chosen_protocol(const SSL* ssl) noexcept {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl, &name, &size);
  return size > 0;
}

Protocol chosen_protocol(const SSL* ssl) noexcept {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl, &name, &size);
  return std::string_view(reinterpret_cast<const char*>(name), size) == "h2" ? Protocol::http2
                                                                             : Protocol::http1;
}

void ClientTls::on_session(TakeSession take) noexcept { take_session() = take; }

namespace {

std::string describe_protocol_failure(unsigned long error) {
  if (error == 0) return "the TLS handshake was cut off";
  switch (ERR_GET_REASON(error)) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
      return "it does not speak TLS on that port";
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_UNSUPPORTED_PROTOCOL:
      return "it speaks no TLS as new as 1.2";
    case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
      return "it speaks neither HTTP/1.1 nor HTTP/2";
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
      return "the TLS handshake was cut off";
    default: {
      const char* reason = ERR_reason_error_string(error);
      return std::string("the TLS handshake failed: ") + (reason ? reason : "no reason given");
    }
  }
}

}  // namespace

std::string describe_handshake_failure(SSL* ssl, const Origin& origin) {
  const unsigned long error = ERR_peek_error();
  std::string text;
  switch (SSL_get_verify_result(ssl)) {
    case X509_V_OK: {
      text = describe_protocol_failure(error);
      break;
    }
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      text = "its certificate is for another name than " + origin.host;
      break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
      text = "its certificate has expired";
      break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      text = "its certificate is not valid yet";
      break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      text = "its certificate is self-signed";
      break;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      text = "its certificate is from an unknown authority";
      break;
    default:
      text = std::string("its certificate: ") + X509_verify_cert_error_string(SSL_get_verify_result(ssl));
  }
  ERR_clear_error();
  return text;
}

}  // namespace standin::proxy
