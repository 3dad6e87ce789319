#include "proxy/certificate_authority.h"

#include <ctime>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include "proxy/error.h"

namespace standin::proxy {
namespace {

using OwnedStore = std::unique_ptr<X509_STORE, Deleter<X509_STORE_free>>;
using OwnedStoreContext = std::unique_ptr<X509_STORE_CTX, Deleter<X509_STORE_CTX_free>>;
using OwnedConstraints = std::unique_ptr<NAME_CONSTRAINTS, Deleter<NAME_CONSTRAINTS_free>>;

OwnedCert read_pem(const std::string& pem) {
  const OwnedBio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return OwnedCert(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

/// The authority of a run bound to these origins, and the judgement of a client that trusts it alone.
struct Client {
  explicit Client(const std::vector<std::string>& origins) : bound(patterns(origins)), authority(bound) {}

  static std::vector<OriginPattern> patterns(const std::vector<std::string>& origins) {
    std::vector<OriginPattern> result;
    for (const std::string& text : origins) result.push_back(OriginPattern::parse(text));
    return result;
  }

  /// X509_V_OK, or why a client that wants `host` refuses the leaf that was minted for `minted_for`.
  int verdict(const std::string& host, const std::string& minted_for, std::time_t at = std::time(nullptr)) {
    const OwnedStore store(X509_STORE_new());
    X509_STORE_add_cert(store.get(), read_pem(authority.pem()).get());
    const OwnedStoreContext context(X509_STORE_CTX_new());
    X509_STORE_CTX_init(context.get(), store.get(), authority.leaf(minted_for), nullptr);
    X509_VERIFY_PARAM* wanted = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_flags(wanted, X509_V_FLAG_X509_STRICT);
    X509_VERIFY_PARAM_set_purpose(wanted, X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set_time(wanted, at);
    if (X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) != 1)
      X509_VERIFY_PARAM_set1_host(wanted, host.data(), host.size());
    ERR_clear_error();
    X509_verify_cert(context.get());
    return X509_STORE_CTX_get_error(context.get());
  }
  int verdict(const std::string& host) { return verdict(host, host); }

  std::vector<OriginPattern> bound;
  CertificateAuthority authority;
};

std::string serial_of(X509* cert) {
  const std::unique_ptr<BIGNUM, Deleter<BN_free>> number(
      ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), nullptr));
  EXPECT_FALSE(BN_is_negative(number.get()));
  EXPECT_LE(BN_num_bits(number.get()), 127);
  char* hex = BN_bn2hex(number.get());
  std::string text = hex;
  OPENSSL_free(hex);
  return text;
}

TEST(CertificateAuthority, VouchesForABoundHost) {
  Client run({"api.github.com", "github.com"});
  EXPECT_EQ(run.verdict("api.github.com"), X509_V_OK);
  EXPECT_EQ(run.verdict("github.com"), X509_V_OK);
}

TEST(CertificateAuthority, CannotVouchForAnotherHost) {
  Client run({"api.github.com"});
  EXPECT_EQ(run.verdict("accounts.google.com"), X509_V_ERR_PERMITTED_VIOLATION);
  EXPECT_EQ(run.verdict("github.com"), X509_V_ERR_PERMITTED_VIOLATION);
  EXPECT_EQ(run.verdict("evilapi.github.com"), X509_V_ERR_PERMITTED_VIOLATION);
  EXPECT_EQ(run.verdict("api.github.com.evil.example"), X509_V_ERR_PERMITTED_VIOLATION);
}

TEST(CertificateAuthority, LeafOfOneHostIsNotGoodForAnother) {
  Client run({"api.github.com", "api.example.com"});
  EXPECT_EQ(run.verdict("api.example.com", "api.github.com"), X509_V_ERR_HOSTNAME_MISMATCH);
}

TEST(CertificateAuthority, CannotVouchForAnyAddressWhenAllBoundAreNames) {
  Client run({"api.github.com"});
  EXPECT_EQ(run.verdict("192.0.2.1"), X509_V_ERR_EXCLUDED_VIOLATION);
  EXPECT_EQ(run.verdict("127.0.0.1"), X509_V_ERR_EXCLUDED_VIOLATION);
  EXPECT_EQ(run.verdict("2001:db8::1"), X509_V_ERR_EXCLUDED_VIOLATION);
  EXPECT_EQ(run.verdict("::1"), X509_V_ERR_EXCLUDED_VIOLATION);
}

TEST(CertificateAuthority, CannotVouchForAnyNameWhenAllBoundAreAddresses) {
  Client run({"192.0.2.1"});
  EXPECT_EQ(run.verdict("192.0.2.1"), X509_V_OK);
  EXPECT_EQ(run.verdict("localhost"), X509_V_ERR_EXCLUDED_VIOLATION);
  EXPECT_EQ(run.verdict("api.github.com"), X509_V_ERR_EXCLUDED_VIOLATION);
}

TEST(CertificateAuthority, CannotVouchForAnotherAddress) {
  Client v4({"192.0.2.1"});
  EXPECT_EQ(v4.verdict("192.0.2.2"), X509_V_ERR_PERMITTED_VIOLATION);
  EXPECT_EQ(v4.verdict("2001:db8::1"), X509_V_ERR_PERMITTED_VIOLATION);
  Client v6({"[2001:db8::1]"});
  EXPECT_EQ(v6.verdict("2001:db8::1"), X509_V_OK);
  EXPECT_EQ(v6.verdict("2001:db8::2"), X509_V_ERR_PERMITTED_VIOLATION);
  EXPECT_EQ(v6.verdict("192.0.2.1"), X509_V_ERR_PERMITTED_VIOLATION);
}

TEST(CertificateAuthority, NamesAndAddressesTogetherAreEachConstrained) {
  Client run({"gitlab.corp.example", "192.0.2.1", "[2001:db8::1]"});
  for (const char* host : {"gitlab.corp.example", "192.0.2.1", "2001:db8::1"})
    EXPECT_EQ(run.verdict(host), X509_V_OK) << host;
  for (const char* host : {"corp.example", "192.0.2.3", "2001:db8::3"})
    EXPECT_EQ(run.verdict(host), X509_V_ERR_PERMITTED_VIOLATION) << host;
}

TEST(CertificateAuthority, WildcardCoversNamesBelowAndNoNeighbour) {
  Client run({"*.example.com"});
  EXPECT_EQ(run.verdict("a.example.com"), X509_V_OK);
  EXPECT_EQ(run.verdict("a.b.example.com"), X509_V_OK);
  EXPECT_EQ(run.verdict("badexample.com"), X509_V_ERR_PERMITTED_VIOLATION);
  EXPECT_EQ(run.verdict("example.org"), X509_V_ERR_PERMITTED_VIOLATION);
}

TEST(CertificateAuthority, PlainHttpOriginNeedsNoCertificateAndGetsNone) {
  Client run({"http://localhost"});
  EXPECT_EQ(run.verdict("localhost"), X509_V_ERR_EXCLUDED_VIOLATION);
  EXPECT_EQ(run.verdict("127.0.0.1"), X509_V_ERR_EXCLUDED_VIOLATION);
}

TEST(CertificateAuthority, BoundToNothingVouchesForNothing) {
  Client run({});
  EXPECT_EQ(run.verdict("localhost"), X509_V_ERR_EXCLUDED_VIOLATION);
  EXPECT_EQ(run.verdict("::1"), X509_V_ERR_EXCLUDED_VIOLATION);
}

TEST(CertificateAuthority, HostThatLooksLikeConfigurationStaysOneName) {
  // OpenSSL's text form of a SAN would read this as two names.
  Client run({"api.github.com"});
  const std::string injected = "api.github.com,DNS:evil.example";
  EXPECT_EQ(run.verdict("evil.example", injected), X509_V_ERR_HOSTNAME_MISMATCH);
  std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(run.authority.leaf(injected), NID_subject_alt_name, nullptr, nullptr)));
  ASSERT_NE(names, nullptr);
  EXPECT_EQ(sk_GENERAL_NAME_num(names.get()), 1);
}

TEST(CertificateAuthority, ConstraintsAreCriticalAndItCannotMakeAuthorities) {
  const Client run({"api.github.com"});
  const OwnedCert cert = read_pem(run.authority.pem());
  int critical = 0;
  const OwnedConstraints constraints(
      static_cast<NAME_CONSTRAINTS*>(X509_get_ext_d2i(cert.get(), NID_name_constraints, &critical, nullptr)));
  ASSERT_NE(constraints, nullptr);
  EXPECT_EQ(critical, 1);
  EXPECT_EQ(X509_get_pathlen(cert.get()), 0);
  EXPECT_NE(X509_check_ca(cert.get()), 0);
  EXPECT_EQ(X509_get_key_usage(cert.get()), static_cast<unsigned>(KU_KEY_CERT_SIGN | KU_CRL_SIGN));
}

// OpenSSL reads any byte but 0 as TRUE, and so does not see it. Go does not, and then trusts no leaf of ours.
TEST(CertificateAuthority, BasicConstraintsAreDer) {
  Client client({"api.github.com"});
  const OwnedCert authority = read_pem(client.authority.pem());
  X509_EXTENSION* basic =
      X509_get_ext(authority.get(), X509_get_ext_by_NID(authority.get(), NID_basic_constraints, -1));
  const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(basic);
  const unsigned char* bytes = ASN1_STRING_get0_data(value);
  EXPECT_EQ(std::vector<unsigned char>(bytes, bytes + ASN1_STRING_length(value)),
            (std::vector<unsigned char>{0x30, 6, 1, 1, 0xFF, 2, 1, 0}));
}

TEST(CertificateAuthority, LeafIsAServerCertificateAndNoAuthority) {
  Client run({"api.github.com"});
  X509* leaf = run.authority.leaf("api.github.com");
  EXPECT_EQ(X509_check_ca(leaf), 0);
  EXPECT_EQ(X509_get_key_usage(leaf), static_cast<unsigned>(KU_DIGITAL_SIGNATURE));
  EXPECT_EQ(X509_get_extended_key_usage(leaf), static_cast<unsigned>(XKU_SSL_SERVER));
  const OwnedCert authority = read_pem(run.authority.pem());
  ASSERT_NE(X509_get0_authority_key_id(leaf), nullptr);
  EXPECT_EQ(
      ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(leaf), X509_get0_subject_key_id(authority.get())), 0);
  EXPECT_NE(ASN1_OCTET_STRING_cmp(X509_get0_subject_key_id(leaf), X509_get0_subject_key_id(authority.get())),
            0);
  EXPECT_EQ(X509_NAME_get_index_by_NID(X509_get_subject_name(leaf), NID_commonName, -1), -1);
}

TEST(CertificateAuthority, LeafKeyFitsTheLeafAndIsNotTheAuthoritys) {
  Client run({"api.github.com"});
  EXPECT_EQ(X509_check_private_key(run.authority.leaf("api.github.com"), run.authority.leaf_key()), 1);
  const OwnedCert authority = read_pem(run.authority.pem());
  EXPECT_EQ(X509_check_private_key(authority.get(), run.authority.leaf_key()), 0);
  ERR_clear_error();
}

TEST(CertificateAuthority, PemHoldsNoKey) {
  const Client run({"api.github.com"});
  EXPECT_EQ(run.authority.pem().find("PRIVATE"), std::string::npos);
  EXPECT_TRUE(run.authority.pem().starts_with("-----BEGIN CERTIFICATE-----\n"));
}

TEST(CertificateAuthority, IsValidForSevenDaysBackdatedAnHour) {
  Client run({"api.github.com"});
  const std::time_t now = std::time(nullptr);
  const auto at = [&](std::time_t t) { return run.verdict("api.github.com", "api.github.com", t); };
  EXPECT_EQ(at(now - 59 * 60), X509_V_OK);
  EXPECT_EQ(at(now - 61 * 60), X509_V_ERR_CERT_NOT_YET_VALID);
  EXPECT_EQ(at(now + 7 * 86400 - 60), X509_V_OK);
  EXPECT_EQ(at(now + 7 * 86400 + 60), X509_V_ERR_CERT_HAS_EXPIRED);
}

TEST(CertificateAuthority, MintsALeafOnceAndEachWithItsOwnSerial) {
  Client run({"*.example.com"});
  X509* first = run.authority.leaf("a.example.com");
  EXPECT_EQ(run.authority.leaf("a.example.com"), first);
  std::set<std::string> serials{serial_of(first), serial_of(read_pem(run.authority.pem()).get())};
  for (int i = 0; i < 50; ++i)
    serials.insert(serial_of(run.authority.leaf("h" + std::to_string(i) + ".example.com")));
  EXPECT_EQ(serials.size(), 52U);
}

TEST(CertificateAuthority, KeepsNoMoreLeavesThanItsBound) {
  Client run({"*.example.com"});
  X509* first = run.authority.leaf("a.example.com");
  X509_up_ref(first);
  const OwnedCert kept(first);
  for (int i = 0; i < 1024; ++i) (void)run.authority.leaf("h" + std::to_string(i) + ".example.com");
  EXPECT_NE(serial_of(run.authority.leaf("a.example.com")), serial_of(kept.get()));
  EXPECT_EQ(run.verdict("a.example.com"), X509_V_OK);
}

TEST(CertificateAuthority, LongestHostNameFits) {
  const std::string label(63, 'a');
  const std::string host = label + "." + label + "." + label + "." + std::string(61, 'b');
  Client run({host});
  EXPECT_EQ(run.verdict(host), X509_V_OK);
}

TEST(CertificateAuthority, TwoRunsAreTwoAuthorities) {
  const Client one({"api.github.com"});
  const Client two({"api.github.com"});
  const OwnedCert a = read_pem(one.authority.pem());
  const OwnedCert b = read_pem(two.authority.pem());
  EXPECT_NE(X509_NAME_cmp(X509_get_subject_name(a.get()), X509_get_subject_name(b.get())), 0);
  EXPECT_NE(X509_check_issued(a.get(), b.get()), X509_V_OK);
}

TEST(OpensslHandles, ErrorNamesTheFirstCauseAndDrainsTheQueue) {
  ERR_clear_error();
  ERR_raise(ERR_LIB_X509, X509_R_KEY_VALUES_MISMATCH);
  ERR_raise(ERR_LIB_SSL, ERR_R_INTERNAL_ERROR);
  try {
    throw_openssl_error("use the key");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::tls);
    EXPECT_STREQ(error.what(), "cannot use the key: key values mismatch");
  }
  EXPECT_EQ(ERR_peek_error(), 0UL);
}

}  // namespace
}  // namespace standin::proxy
