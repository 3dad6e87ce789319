#pragma once

#include <memory>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace standin::proxy {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* handle) const noexcept {
    Free(handle);
  }
};

using OwnedKey = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using OwnedCert = std::unique_ptr<X509, Deleter<X509_free>>;
using OwnedBio = std::unique_ptr<BIO, Deleter<BIO_free>>;
using OwnedContext = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;
using OwnedSsl = std::unique_ptr<SSL, Deleter<SSL_free>>;
using OwnedSession = std::unique_ptr<SSL_SESSION, Deleter<SSL_SESSION_free>>;

/// Throws Error(tls) "cannot WHAT: REASON" with the first entry of OpenSSL's queue, and drains it.
[[noreturn]] void throw_openssl_error(const char* what);

}  // namespace standin::proxy
