#include "proxy/java_keystore.h"

#include <algorithm>
#include <cstdint>

#include <openssl/pkcs12.h>

#include "proxy/openssl_handles.h"

namespace standin::proxy {
namespace {

using Certificates = std::vector<std::string>;
using OwnedPkcs12 = std::unique_ptr<PKCS12, Deleter<PKCS12_free>>;

void free_safes(STACK_OF(PKCS7) * safes) { sk_PKCS7_pop_free(safes, PKCS7_free); }
void free_bags(STACK_OF(PKCS12_SAFEBAG) * bags) { sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free); }
using OwnedSafes = std::unique_ptr<STACK_OF(PKCS7), Deleter<free_safes>>;
using OwnedBags = std::unique_ptr<STACK_OF(PKCS12_SAFEBAG), Deleter<free_bags>>;

constexpr const char* trusted_key_usage = "2.16.840.1.113894.746875.1.1";

constexpr std::string_view jks_magic = "\xfe\xed\xfe\xed";
constexpr std::size_t jks_hash_bytes = 20;

/// Reads forwards; once it has asked for more than there is, it has nothing more.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : left_(bytes) {}

  std::string_view bytes(std::size_t count) {
    if (count > left_.size()) {
      failed_ = true;
      left_ = {};
      return {};
    }
    const auto taken = left_.substr(0, count);
    left_.remove_prefix(count);
    return taken;
  }
  std::uint64_t number(std::size_t width) {
    std::uint64_t value = 0;
    for (const char c : bytes(width)) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }
  std::string_view text() { return bytes(number(2)); }
  std::string_view blob() { return bytes(number(4)); }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] std::size_t left() const { return left_.size(); }

 private:
  std::string_view left_;
  bool failed_ = false;
};

std::string_view jks_certificate(Cursor& at) { return at.text() == "X.509" ? at.blob() : std::string_view(); }

/// sun.security.provider.JavaKeyStore, version 2: entries of alias, date, and what their kind has.
std::optional<Certificates> read_jks(std::string_view file) {
  constexpr std::uint64_t version = 2;
  constexpr std::uint64_t key_entry = 1;
  constexpr std::uint64_t trusted_entry = 2;
  Cursor at(file.substr(jks_magic.size()));
  if (at.number(4) != version) return std::nullopt;
  Certificates found;
  for (auto entries = at.number(4); entries > 0; --entries) {
    const auto kind = at.number(4);
    at.text();     // alias
    at.number(8);  // date
    if (kind != key_entry && kind != trusted_entry) return std::nullopt;
    if (kind == key_entry) at.blob();
    auto chain = kind == key_entry ? at.number(4) : 1;
    for (bool first = true; chain > 0; --chain, first = false) {
      const auto der = jks_certificate(at);
      if (at.failed() || der.empty()) return std::nullopt;
      if (first) found.emplace_back(der);
    }
  }
  if (at.failed() || at.left() != jks_hash_bytes) return std::nullopt;
  return found;
}

bool is_trusted(const PKCS12_SAFEBAG* bag) {
  const STACK_OF(X509_ATTRIBUTE)* attributes = PKCS12_SAFEBAG_get0_attrs(bag);
  for (int i = 0; i < sk_X509_ATTRIBUTE_num(attributes); ++i) {
    const ASN1_OBJECT* name = X509_ATTRIBUTE_get0_object(sk_X509_ATTRIBUTE_value(attributes, i));
    char dotted[64];
    if (OBJ_obj2nid(name) == NID_localKeyID) return true;  // a key's own
    if (OBJ_obj2txt(dotted, sizeof dotted, name, 1) > 0 && dotted == std::string_view(trusted_key_usage))
      return true;
  }
  return false;
}

void collect(const STACK_OF(PKCS12_SAFEBAG) * bags, Certificates& found) {
  for (int i = 0; i < sk_PKCS12_SAFEBAG_num(bags); ++i) {
    const PKCS12_SAFEBAG* bag = sk_PKCS12_SAFEBAG_value(bags, i);
    if (PKCS12_SAFEBAG_get_nid(bag) != NID_certBag || !is_trusted(bag)) continue;
    const OwnedCert certificate(PKCS12_SAFEBAG_get1_cert(bag));
    unsigned char* der = nullptr;
    const int size = certificate ? i2d_X509(certificate.get(), &der) : 0;
    if (size > 0) found.emplace_back(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
  }
}

std::optional<Certificates> read_pkcs12(std::string_view file, const std::optional<std::string>& password) {
  const auto* at = reinterpret_cast<const unsigned char*>(file.data());
  const OwnedPkcs12 store(d2i_PKCS12(nullptr, &at, static_cast<long>(file.size())));
  if (!store || at != reinterpret_cast<const unsigned char*>(file.data()) + file.size()) return std::nullopt;
  const int length = password ? static_cast<int>(password->size()) : 0;
  if (password && PKCS12_mac_present(store.get()) == 1 &&
      PKCS12_verify_mac(store.get(), password->c_str(), length) != 1)
    return std::nullopt;
  const OwnedSafes safes(PKCS12_unpack_authsafes(store.get()));
  if (!safes) return std::nullopt;
  Certificates found;
  for (int i = 0; i < sk_PKCS7_num(safes.get()); ++i) {
    PKCS7* safe = sk_PKCS7_value(safes.get(), i);
    const bool encrypted = PKCS7_type_is_encrypted(safe);
    if (encrypted && !password) continue;
    const OwnedBags bags(encrypted ? PKCS12_unpack_p7encdata(safe, password->c_str(), length)
                                   : PKCS12_unpack_p7data(safe));
    if (!bags) return std::nullopt;
    collect(bags.get(), found);
  }
  return found;
}

}  // namespace

std::optional<Certificates> trusted_in_java_keystore(std::string_view file,
                                                     const std::optional<std::string>& password) {
  if (file.starts_with(jks_magic)) return read_jks(file);
  auto found = read_pkcs12(file, password);
  ERR_clear_error();  // what was no key store is no fault of the next who asks OpenSSL
  return found;
}

}  // namespace standin::proxy
