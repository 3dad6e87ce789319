#include "tests/test_pki.h"

#include <arpa/inet.h>

#include <array>
#include <fstream>
#include <stdexcept>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

namespace standin::test {
namespace {

constexpr long one_day = 24 * 60 * 60;

std::shared_ptr<EVP_PKEY> make_key() { return {EVP_EC_gen("P-256"), EVP_PKEY_free}; }

void add_extension(X509* cert, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  if (extension == nullptr || X509_add_ext(cert, extension, -1) != 1)
    throw std::runtime_error("bad extension in a test certificate: " + value);
  X509_EXTENSION_free(extension);
}

bool is_address(const std::string& name) {
  std::array<unsigned char, 16> ignored{};
  return inet_pton(AF_INET, name.c_str(), ignored.data()) == 1 ||
         inet_pton(AF_INET6, name.c_str(), ignored.data()) == 1;
}

/// Unsigned, with a name, a random serial and a validity.
std::shared_ptr<X509> blank(const Certificate& issuer, EVP_PKEY* key, const std::string& name, long from,
                            long to) {
  std::shared_ptr<X509> cert(X509_new(), X509_free);
  X509_set_version(cert.get(), X509_VERSION_3);
  std::array<unsigned char, 8> serial{};
  RAND_bytes(serial.data(), static_cast<int>(serial.size()));
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert.get()),
                          (std::uint64_t{serial[0]} << 32 | std::uint64_t{serial[1]} << 24 |
                           std::uint64_t{serial[2]} << 16 | serial[3]) +
                              1);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), from);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), to);
  X509_set_pubkey(cert.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.data()),
                             static_cast<int>(name.size()), -1, 0);
  X509_set_issuer_name(cert.get(),
                       X509_get_subject_name(issuer.certificate ? issuer.certificate.get() : cert.get()));
  return cert;
}

Certificate make_authority(const std::string& name) {
  const auto key = make_key();
  const auto cert = blank({}, key.get(), name, -one_day, 30 * one_day);
  add_extension(cert.get(), cert.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(cert.get(), cert.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(cert.get(), cert.get(), NID_subject_key_identifier, "hash");
  X509_sign(cert.get(), key.get(), EVP_sha256());
  return {cert, key};
}

template <class Write>
std::string pem_text(Write write) {
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> bio(BIO_new(BIO_s_mem()), BIO_free_all);
  write(bio.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

std::string Certificate::pem() const {
  return pem_text([&](BIO* bio) { PEM_write_bio_X509(bio, certificate.get()); });
}

std::string Certificate::key_pem() const {
  return pem_text(
      [&](BIO* bio) { PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
}

TestPki::TestPki()
    : ca_file_(folder_.path() / "ca.pem"),
      ca_(make_authority("standin test authority")),
      unknown_ca_(make_authority("some other authority")) {
  std::ofstream(ca_file_) << ca_.pem();
}

Certificate TestPki::make_certificate(const std::vector<std::string>& names, Flaw flaw) const {
  const auto key = make_key();
  const Certificate issuer = flaw == Flaw::self_signed         ? Certificate{}
                             : flaw == Flaw::unknown_authority ? unknown_ca_
                                                               : ca_;
  const long from = flaw == Flaw::not_yet_valid ? one_day : -one_day;
  const long to = flaw == Flaw::expired ? -60 : 10 * one_day;
  const auto cert = blank(issuer, key.get(), "test origin", from, to);
  X509* const signer = issuer.certificate ? issuer.certificate.get() : cert.get();
  std::string list;
  for (const std::string& name : names)
    list += (list.empty() ? "" : ",") + std::string(is_address(name) ? "IP:" : "DNS:") + name;
  add_extension(cert.get(), signer, NID_subject_alt_name, list);
  add_extension(cert.get(), signer, NID_ext_key_usage,
                flaw == Flaw::client_only ? "clientAuth" : "serverAuth");
  add_extension(cert.get(), signer, NID_key_usage, "critical,digitalSignature");
  add_extension(cert.get(), signer, NID_subject_key_identifier, "hash");
  if (issuer.certificate) add_extension(cert.get(), signer, NID_authority_key_identifier, "keyid:always");
  X509_sign(cert.get(), issuer.key ? issuer.key.get() : key.get(), EVP_sha256());
  return {cert, key};
}

}  // namespace standin::test
