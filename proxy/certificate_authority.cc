#include "proxy/certificate_authority.h"

#include <array>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <vector>

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "proxy/error.h"
#include "proxy/ip_address.h"

namespace standin::proxy {
namespace {

using OwnedSubtree = std::unique_ptr<GENERAL_SUBTREE, Deleter<GENERAL_SUBTREE_free>>;
using OwnedConstraints = std::unique_ptr<NAME_CONSTRAINTS, Deleter<NAME_CONSTRAINTS_free>>;
using OwnedNames = std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>>;
using OwnedName = std::unique_ptr<GENERAL_NAME, Deleter<GENERAL_NAME_free>>;
using OwnedBits = std::unique_ptr<ASN1_BIT_STRING, Deleter<ASN1_BIT_STRING_free>>;
using OwnedOctets = std::unique_ptr<ASN1_OCTET_STRING, Deleter<ASN1_OCTET_STRING_free>>;
using OwnedBasic = std::unique_ptr<BASIC_CONSTRAINTS, Deleter<BASIC_CONSTRAINTS_free>>;
using OwnedKeyId = std::unique_ptr<AUTHORITY_KEYID, Deleter<AUTHORITY_KEYID_free>>;
using OwnedUsages = std::unique_ptr<EXTENDED_KEY_USAGE, Deleter<EXTENDED_KEY_USAGE_free>>;
using OwnedNumber = std::unique_ptr<BIGNUM, Deleter<BN_free>>;

constexpr long backdated = 60 * 60;  // for clients whose clock is behind
constexpr long lifetime = 7 * 24 * 60 * 60;
// A child that asks for ever new names under a wildcard must not fill our memory.
constexpr std::size_t most_leaves_kept = 1024;

enum class Critical : std::uint8_t { no, yes };
using Bytes = std::span<const unsigned char>;

void check(bool ok, const char* what) {
  if (!ok) throw_openssl_error(what);
}

template <class T>
T made(T handle) {
  check(handle != nullptr, "allocate a certificate");
  return handle;
}

OwnedKey make_key() {
  OwnedKey key(EVP_EC_gen("P-256"));
  check(key != nullptr, "make a P-256 key");
  return key;
}

void add_extension(X509* cert, int nid, void* value, Critical critical) {
  check(X509_add1_ext_i2d(cert, nid, value, critical == Critical::yes ? 1 : 0, X509V3_ADD_DEFAULT) == 1,
        "add a certificate extension");
}

void set_random_serial(X509* cert) {
  // 127 bits keep the 16 octets positive (RFC 5280 4.1.2.2); browsers and GnuTLS remember serials.
  const OwnedNumber number = made(OwnedNumber(BN_new()));
  check(BN_rand(number.get(), 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ODD) == 1, "make a serial number");
  check(BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(cert)) != nullptr, "set a serial number");
}

void add_name_entry(X509_NAME* name, const char* field, const std::string& value) {
  check(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(value.data()),
                                   static_cast<int>(value.size()), -1, 0) == 1,
        "set a certificate name");
}

void add_key_usage(X509* cert, std::initializer_list<int> bits) {
  const OwnedBits usage = made(OwnedBits(ASN1_BIT_STRING_new()));
  for (const int bit : bits) check(ASN1_BIT_STRING_set_bit(usage.get(), bit, 1) == 1, "set a key usage");
  add_extension(cert, NID_key_usage, usage.get(), Critical::yes);
}

void add_basic_constraints_of_authority(X509* cert) {
  const OwnedBasic basic = made(OwnedBasic(BASIC_CONSTRAINTS_new()));
  basic->ca = 0xFF;  // DER's TRUE, written as it is here: Go refuses any other
  basic->pathlen = made(ASN1_INTEGER_new());
  check(ASN1_INTEGER_set(basic->pathlen, 0) == 1, "set a path length");
  add_extension(cert, NID_basic_constraints, basic.get(), Critical::yes);
}

OwnedOctets octets(Bytes bytes) {
  OwnedOctets result = made(OwnedOctets(ASN1_OCTET_STRING_new()));
  check(ASN1_OCTET_STRING_set(result.get(), bytes.data(), static_cast<int>(bytes.size())) == 1,
        "set an octet string");
  return result;
}

/// The leftmost 160 bits of the SHA-256 of the public key: RFC 7093 2, method 1.
OwnedOctets key_id(const X509* cert) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  check(X509_pubkey_digest(cert, EVP_sha256(), digest.data(), &size) == 1, "make a key identifier");
  return octets(Bytes(digest).first(20));
}

void add_subject_key_id(X509* cert) {
  add_extension(cert, NID_subject_key_identifier, key_id(cert).get(), Critical::no);
}

void add_authority_key_id(X509* cert, const X509* authority) {
  const OwnedKeyId id = made(OwnedKeyId(AUTHORITY_KEYID_new()));
  id->keyid = key_id(authority).release();
  add_extension(cert, NID_authority_key_identifier, id.get(), Critical::no);
}

OwnedName general_name(int type, ASN1_STRING* owned_value) {
  OwnedName name = made(OwnedName(GENERAL_NAME_new()));
  GENERAL_NAME_set0_value(name.get(), type, owned_value);
  return name;
}

OwnedName dns_name(std::string_view host) {
  std::unique_ptr<ASN1_IA5STRING, Deleter<ASN1_IA5STRING_free>> value(made(ASN1_IA5STRING_new()));
  check(ASN1_STRING_set(value.get(), host.data(), static_cast<int>(host.size())) == 1, "set a DNS name");
  return general_name(GEN_DNS, value.release());
}

Bytes octets_of(const IpAddress& address) {
  const Bytes all(address.bytes);
  return address.is_v4() ? all.subspan(12) : all;
}

/// The subject alternative name that a client asks for when it goes to `host`.
OwnedName subject_name(std::string_view host) {
  if (const auto address = IpAddress::parse(host))
    return general_name(GEN_IPADD, octets(octets_of(*address)).release());
  return dns_name(host);
}

/// An address range as name constraints spell it: the address, then a mask as long (RFC 5280 4.2.1.10).
OwnedName address_range(Bytes address, unsigned char mask) {
  std::vector<unsigned char> range(address.begin(), address.end());
  range.insert(range.end(), address.size(), mask);
  return general_name(GEN_IPADD, octets(range).release());
}

void add_subtree(STACK_OF(GENERAL_SUBTREE) * *subtrees, OwnedName base) {
  if (*subtrees == nullptr) *subtrees = made(sk_GENERAL_SUBTREE_new_null());
  OwnedSubtree subtree = made(OwnedSubtree(GENERAL_SUBTREE_new()));
  GENERAL_NAME_free(subtree->base);
  subtree->base = base.release();
  check(sk_GENERAL_SUBTREE_push(*subtrees, subtree.get()) > 0, "add a name constraint");
  (void)subtree.release();
}

void add_name_constraints(X509* cert, std::span<const OriginPattern> bound) {
  static constexpr std::array<unsigned char, 16> zeros{};
  const OwnedConstraints constraints = made(OwnedConstraints(NAME_CONSTRAINTS_new()));
  bool any_name = false;
  bool any_address = false;
  for (const OriginPattern& pattern : bound) {
    if (pattern.scheme() != Scheme::https) continue;
    if (const auto address = IpAddress::parse(pattern.host())) {
      add_subtree(&constraints->permittedSubtrees, address_range(octets_of(*address), 0xff));
      any_address = true;
    } else {
      add_subtree(&constraints->permittedSubtrees, dns_name(pattern.host()));
      any_name = true;
    }
  }
  // A kind of name that no permitted subtree speaks of is allowed whole (RFC 5280 4.2.1.10), so a kind
  // that we do not need is excluded whole. Within a kind of which one is permitted, the rest is closed:
  // IPv4 and IPv6 are one kind.
  if (!any_name) add_subtree(&constraints->excludedSubtrees, dns_name(""));
  if (!any_address) {
    add_subtree(&constraints->excludedSubtrees, address_range(Bytes(zeros).first(4), 0x00));
    add_subtree(&constraints->excludedSubtrees, address_range(zeros, 0x00));
  }
  add_extension(cert, NID_name_constraints, constraints.get(), Critical::yes);
}

std::string random_tag() {
  std::array<unsigned char, 4> bytes{};
  check(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1, "get random bytes");
  std::array<char, 2 * 4 + 1> hex{};
  check(OPENSSL_buf2hexstr_ex(hex.data(), hex.size(), nullptr, bytes.data(), bytes.size(), '\0') == 1,
        "name the certificate authority");
  return hex.data();
}

/// As X509_set_pubkey(), which encodes the key and parses that again, and was more than a quarter of what the
/// start of a run costs. The certificate can't be asked for the key then (X509_get0_pubkey): TLS does that of
/// a leaf, nobody of the authority.
void set_public_key_unparsed(X509* cert, EVP_PKEY* key) {
  unsigned char* point = nullptr;
  const std::size_t size = EVP_PKEY_get1_encoded_public_key(key, &point);
  check(size > 0, "encode a public key");
  const bool set =
      X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(cert), OBJ_nid2obj(NID_X9_62_id_ecPublicKey), V_ASN1_OBJECT,
                             OBJ_nid2obj(NID_X9_62_prime256v1), point, static_cast<int>(size)) == 1;
  if (!set) OPENSSL_free(point);
  check(set, "set a public key");
}

OwnedCert new_certificate() {
  OwnedCert cert = made(OwnedCert(X509_new()));
  check(X509_set_version(cert.get(), X509_VERSION_3) == 1, "set a certificate version");
  set_random_serial(cert.get());
  add_name_entry(X509_get_subject_name(cert.get()), "O", "standin");
  return cert;
}

OwnedCert make_authority(EVP_PKEY* key, std::span<const OriginPattern> bound) {
  OwnedCert cert = new_certificate();
  set_public_key_unparsed(cert.get(), key);
  // One name a run: clients that keep authorities by name would mix up two runs' otherwise.
  add_name_entry(X509_get_subject_name(cert.get()), "CN", "standin run " + random_tag());
  check(X509_set_issuer_name(cert.get(), X509_get_subject_name(cert.get())) == 1, "set an issuer");
  check(X509_gmtime_adj(X509_getm_notBefore(cert.get()), -backdated) != nullptr &&
            X509_gmtime_adj(X509_getm_notAfter(cert.get()), lifetime) != nullptr,
        "set a validity");
  add_basic_constraints_of_authority(cert.get());
  add_key_usage(cert.get(), {5, 6});  // keyCertSign, cRLSign (RFC 5280 4.2.1.3)
  add_subject_key_id(cert.get());
  add_name_constraints(cert.get(), bound);
  check(X509_sign(cert.get(), key, EVP_sha256()) > 0, "sign the run's authority");
  return cert;
}

std::string to_pem(X509* cert) {
  const OwnedBio memory(made(BIO_new(BIO_s_mem())));
  check(PEM_write_bio_X509(memory.get(), cert) == 1, "write a certificate");
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

struct CertificateAuthority::State {
  explicit State(std::span<const OriginPattern> bound)
      : key(make_key()), certificate(make_authority(key.get(), bound)), leaf_key(make_key()) {}

  OwnedCert mint(std::string_view host) const {
    OwnedCert cert = new_certificate();
    check(X509_set_pubkey(cert.get(), leaf_key.get()) == 1, "set a public key");
    check(X509_set_issuer_name(cert.get(), X509_get_subject_name(certificate.get())) == 1 &&
              X509_set1_notBefore(cert.get(), X509_get0_notBefore(certificate.get())) == 1 &&
              X509_set1_notAfter(cert.get(), X509_get0_notAfter(certificate.get())) == 1,
          "fill in a leaf certificate");
    add_key_usage(cert.get(), {0});  // digitalSignature
    const OwnedUsages usages = made(OwnedUsages(EXTENDED_KEY_USAGE_new()));
    // OBJ_nid2obj's objects are static, so freeing the stack frees nothing of theirs.
    check(sk_ASN1_OBJECT_push(usages.get(), OBJ_nid2obj(NID_server_auth)) > 0, "set an extended key usage");
    add_extension(cert.get(), NID_ext_key_usage, usages.get(), Critical::no);
    add_subject_key_id(cert.get());
    add_authority_key_id(cert.get(), certificate.get());
    const OwnedNames names = made(OwnedNames(GENERAL_NAMES_new()));
    OwnedName name = subject_name(host);
    check(sk_GENERAL_NAME_push(names.get(), name.get()) > 0, "name a leaf certificate");
    (void)name.release();
    add_extension(cert.get(), NID_subject_alt_name, names.get(), Critical::no);
    check(X509_sign(cert.get(), key.get(), EVP_sha256()) > 0, "sign a leaf certificate");
    return cert;
  }

  OwnedKey key;
  OwnedCert certificate;
  OwnedKey leaf_key;
  std::string pem = to_pem(certificate.get());
  std::map<std::string, OwnedCert, std::less<>> leaves;
};

CertificateAuthority::CertificateAuthority(std::span<const OriginPattern> bound)
    : state_(std::make_unique<State>(bound)) {}
CertificateAuthority::~CertificateAuthority() = default;

const std::string& CertificateAuthority::pem() const noexcept { return state_->pem; }
EVP_PKEY* CertificateAuthority::leaf_key() const noexcept { return state_->leaf_key.get(); }

X509* CertificateAuthority::leaf(std::string_view host) {
  if (const auto known = state_->leaves.find(host); known != state_->leaves.end()) return known->second.get();
  OwnedCert cert = state_->mint(host);
  if (state_->leaves.size() >= most_leaves_kept) state_->leaves.clear();
  return state_->leaves.emplace(std::string(host), std::move(cert)).first->second.get();
}

}  // namespace standin::proxy
