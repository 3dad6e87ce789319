#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <openssl/types.h>

#include "tests/temporary_folder.h"

namespace standin::test {

/// A certificate with its key, and nothing else of its chain.
struct Certificate {
  std::shared_ptr<X509> certificate;
  std::shared_ptr<EVP_PKEY> key;

  [[nodiscard]] std::string pem() const;
  [[nodiscard]] std::string key_pem() const;
};

/// What is wrong with a certificate, if anything. A wrong name is simply another name.
enum class Flaw : std::uint8_t { none, expired, not_yet_valid, self_signed, unknown_authority, client_only };

/// A certificate authority made for this test, so that no certificate is checked in to expire one day.
class TestPki {
 public:
  TestPki();

  /// The authority's certificate: for SSL_CERT_FILE, ProxyOptions::trust_file, curl --cacert.
  [[nodiscard]] const std::filesystem::path& ca_file() const noexcept { return ca_file_; }
  [[nodiscard]] std::string ca_pem() const { return ca_.pem(); }

  /// For these names and addresses.
  [[nodiscard]] Certificate make_certificate(const std::vector<std::string>& names,
                                             Flaw flaw = Flaw::none) const;

 private:
  TemporaryFolder folder_;
  std::filesystem::path ca_file_;
  Certificate ca_;
  Certificate unknown_ca_;
};

}  // namespace standin::test
