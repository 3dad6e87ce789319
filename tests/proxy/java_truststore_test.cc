#include "proxy/java_truststore.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "proxy/java_keystore.h"
#include "proxy/openssl_handles.h"
#include "tests/test_pki.h"

namespace standin::proxy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;

constexpr int trusted = 2;
constexpr int key = 1;

std::string number(std::uint64_t value, int width) {
  std::string out;
  for (int shift = (width - 1) * 8; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
  return out;
}

std::string jks_certificate(const std::string& der) {
  return number(5, 2) + "X.509" + number(der.size(), 4) + der;
}

/// An entry as keytool writes it; a key has a chain.
std::string jks_entry(int kind, const std::vector<std::string>& chain) {
  std::string out = number(static_cast<std::uint64_t>(kind), 4) + number(5, 2) + "alias" + number(0, 8);
  if (kind == key) out += number(3, 4) + "key" + number(chain.size(), 4);
  for (const auto& der : chain) out += jks_certificate(der);
  return out;
}

std::string jks(const std::vector<std::string>& entries) {
  std::string out = "\xfe\xed\xfe\xed" + number(2, 4) + number(entries.size(), 4);
  for (const auto& entry : entries) out += entry;
  return out + std::string(20, 'h');
}

std::string der_of(const test::Certificate& certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate.certificate.get(), &der);
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

using OwnedPkcs12 = std::unique_ptr<PKCS12, Deleter<PKCS12_free>>;

/// A key with its certificate, as `openssl pkcs12 -export` makes it.
std::string pkcs12(const test::Certificate& own, const char* password) {
  const OwnedPkcs12 store(
      PKCS12_create(password, "own", own.key.get(), own.certificate.get(), nullptr, 0, 0, 0, 0, 0));
  unsigned char* der = nullptr;
  const int size = i2d_PKCS12(store.get(), &der);
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

class JavaTruststore : public testing::Test {
 protected:
  test::TestPki pki_;
  test::Certificate one_ = pki_.make_certificate({"one.example"});
  test::Certificate two_ = pki_.make_certificate({"two.example"});
};

TEST_F(JavaTruststore, HoldsEveryCertificateAsOneThatIsTrusted) {
  const std::string more = der_of(two_);
  const std::string file = java_truststore("# a comment\n" + one_.pem() + "\n" + pki_.ca_pem(), {&more, 1});
  const auto held = trusted_in_java_keystore(file, std::nullopt);
  ASSERT_TRUE(held);
  ASSERT_EQ(held->size(), 3U);
  EXPECT_EQ(held->front(), der_of(one_));
  EXPECT_EQ(held->back(), more);
}

TEST_F(JavaTruststore, HasNoMacSoThatEveryPasswordOpensIt) {
  const std::string file = java_truststore(one_.pem());
  EXPECT_THAT(trusted_in_java_keystore(file, "changeit"), Optional(ElementsAre(der_of(one_))));
}

TEST_F(JavaTruststore, OfNothingIsAStoreThatHoldsNothing) {
  EXPECT_THAT(trusted_in_java_keystore(java_truststore(""), std::nullopt), Optional(IsEmpty()));
}

TEST_F(JavaTruststore, ReadsLinesHoweverTheyEnd) {
  std::string windows;
  for (const char c : one_.pem()) windows += c == '\n' ? std::string(" \r\n") : std::string(1, c);
  EXPECT_EQ(java_truststore(windows), java_truststore(one_.pem()));
}

TEST_F(JavaTruststore, LeavesOutWhatJavaCouldNotRead) {
  const std::string begin = "-----BEGIN CERTIFICATE-----\n";
  const std::string end = "-----END CERTIFICATE-----\n";
  const std::string sound = java_truststore(one_.pem());
  for (const std::string& bad :
       {begin + end, begin + "!!!!" + end, begin + "AAAA" + end, begin + "MAA=" + end, begin + "MIIH" + end,
        begin + "MAMB" + end, begin + "=" + end}) {
    EXPECT_EQ(java_truststore(bad + one_.pem()), sound) << bad;
  }
  EXPECT_EQ(java_truststore(one_.pem() + two_.pem().substr(0, 300)), sound);
}

TEST_F(JavaTruststore, OfPemCutAtEveryByteHoldsWholeCertificatesOnly) {
  const std::string pem = one_.pem() + two_.pem();
  for (std::size_t size = 0; size < pem.size(); ++size) {
    const auto held = trusted_in_java_keystore(java_truststore(pem.substr(0, size)), std::nullopt);
    ASSERT_TRUE(held) << size;
    for (const auto& der : *held) EXPECT_TRUE(der == der_of(one_) || der == der_of(two_)) << size;
  }
}

TEST_F(JavaTruststore, ReadsTheTrustedCertificatesOfJks) {
  const auto file = jks({jks_entry(trusted, {der_of(one_)}), jks_entry(key, {der_of(two_), der_of(one_)})});
  EXPECT_THAT(trusted_in_java_keystore(file, std::nullopt),
              Optional(ElementsAre(der_of(one_), der_of(two_))));
  EXPECT_THAT(trusted_in_java_keystore(jks({}), std::nullopt), Optional(IsEmpty()));
}

TEST_F(JavaTruststore, RefusesJksCutAtEveryByte) {
  const auto file = jks({jks_entry(trusted, {der_of(one_)}), jks_entry(key, {der_of(two_), der_of(one_)})});
  for (std::size_t size = 0; size < file.size(); ++size)
    EXPECT_FALSE(trusted_in_java_keystore(file.substr(0, size), std::nullopt)) << size;
  EXPECT_FALSE(trusted_in_java_keystore(file + "x", std::nullopt));
}

TEST_F(JavaTruststore, RefusesJksOfAnotherVersionOrWithAnotherKindOfEntry) {
  EXPECT_FALSE(trusted_in_java_keystore(jks({jks_entry(3, {der_of(one_)})}), std::nullopt));
  std::string old = jks({});
  old[7] = 1;
  EXPECT_FALSE(trusted_in_java_keystore(old, std::nullopt));
}

TEST_F(JavaTruststore, ReadsEncryptedPkcs12WithItsPasswordAlone) {
  const auto file = pkcs12(one_, "changeit");
  EXPECT_THAT(trusted_in_java_keystore(file, "changeit"), Optional(ElementsAre(der_of(one_))));
  EXPECT_FALSE(trusted_in_java_keystore(file, "wrong"));
  // As Java: without a password, what is encrypted is skipped.
  EXPECT_THAT(trusted_in_java_keystore(file, std::nullopt), Optional(IsEmpty()));
}

TEST_F(JavaTruststore, RefusesPkcs12CutAtEveryByte) {
  const std::string file = java_truststore(one_.pem());
  for (std::size_t size = 0; size < file.size(); ++size)
    EXPECT_FALSE(trusted_in_java_keystore(file.substr(0, size), std::nullopt)) << size;
  EXPECT_FALSE(trusted_in_java_keystore(file + "x", std::nullopt));
  EXPECT_EQ(ERR_peek_error(), 0U);
}

}  // namespace
}  // namespace standin::proxy
