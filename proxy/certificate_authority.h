#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "proxy/openssl_handles.h"
#include "proxy/origin.h"

namespace standin::proxy {

/// This run's certificate authority: ECDSA P-256, its key only in memory, valid from an hour ago for seven
/// days, with critical name constraints (RFC 5280 4.2.1.10) to the hosts of `bound`, so that nobody can
/// make it vouch for anything else: address ranges are excluded whole where no bound origin is an address,
/// and names where all are addresses.
///
/// Leaves share one P-256 key, have unique random serials (RFC 5280 4.1.2.2), SAN, AKI and SKI, and are
/// kept for the run, up to a bound: a child may ask for any number of names under a wildcard. Thread: one at
/// a time. Throws Error(tls).
class CertificateAuthority {
 public:
  explicit CertificateAuthority(std::span<const OriginPattern> bound);
  ~CertificateAuthority();
  CertificateAuthority(const CertificateAuthority&) = delete;
  CertificateAuthority& operator=(const CertificateAuthority&) = delete;

  [[nodiscard]] const std::string& pem() const noexcept;

  /// The leaf for `host` (a name, or an address without brackets), minted at the first call. Owned by the
  /// authority and good until the next call; SSL_use_certificate() keeps its own reference. `host` is not
  /// compared with `bound`: a leaf for another host is one that no client accepts.
  [[nodiscard]] X509* leaf(std::string_view host);
  [[nodiscard]] EVP_PKEY* leaf_key() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace standin::proxy
