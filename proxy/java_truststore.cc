#include "proxy/java_truststore.h"

#include <algorithm>
#include <vector>

#include <openssl/asn1.h>
#include <openssl/evp.h>
#include <openssl/objects.h>

#include "proxy/openssl_handles.h"

namespace standin::proxy {
namespace {

// Without this attribute Java takes a certificate for a link of a key's chain, and does not trust it.
constexpr const char* trusted_key_usage = "2.16.840.1.113894.746875.1.1";
constexpr const char* any_extended_key_usage = "2.5.29.37.0";

constexpr std::string_view begin_mark = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view end_mark = "-----END CERTIFICATE-----";

struct Tag {
  int number;
  int kind = V_ASN1_UNIVERSAL;
  bool constructed = true;
};
constexpr Tag sequence{V_ASN1_SEQUENCE};
constexpr Tag set{V_ASN1_SET};
constexpr Tag octets{V_ASN1_OCTET_STRING, V_ASN1_UNIVERSAL, false};
constexpr Tag bmp_string{V_ASN1_BMPSTRING, V_ASN1_UNIVERSAL, false};
constexpr Tag explicit_0{0, V_ASN1_CONTEXT_SPECIFIC};

std::size_t wrapped_size(std::size_t content) {
  return static_cast<std::size_t>(ASN1_object_size(1, static_cast<int>(content), V_ASN1_UNDEF));
}

/// The tag and length of something whose content follows.
void put_header(std::string& out, Tag tag, std::size_t content) {
  unsigned char header[16];
  unsigned char* end = header;
  ASN1_put_object(&end, tag.constructed ? 1 : 0, static_cast<int>(content), tag.number, tag.kind);
  out.append(reinterpret_cast<const char*>(header), static_cast<std::size_t>(end - header));
}

std::string wrapped(Tag tag, std::string_view content) {
  std::string out;
  put_header(out, tag, content.size());
  return out.append(content);
}

std::string encoded(ASN1_OBJECT* object) {
  unsigned char* der = nullptr;
  const int size = i2d_ASN1_OBJECT(object, &der);
  ASN1_OBJECT_free(object);  // nothing where it is one of OpenSSL's own
  if (size < 0) throw_openssl_error("encode an object identifier");
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

struct Names {
  std::string data = encoded(OBJ_nid2obj(NID_pkcs7_data));
  std::string certificate_bag = encoded(OBJ_nid2obj(NID_certBag));
  std::string x509 = encoded(OBJ_nid2obj(NID_x509Certificate));
  std::string friendly_name = encoded(OBJ_nid2obj(NID_friendlyName));
  std::string trusted = wrapped(sequence, encoded(OBJ_txt2obj(trusted_key_usage, 1)) +
                                              wrapped(set, encoded(OBJ_txt2obj(any_extended_key_usage, 1))));
};

bool is_one_sequence(std::string_view der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const auto* begin = at;
  long content = 0;
  int tag = 0;
  int kind = 0;
  const int answer = ASN1_get_object(&at, &content, &tag, &kind, static_cast<long>(der.size()));
  if (answer != V_ASN1_CONSTRUCTED || tag != V_ASN1_SEQUENCE || kind != V_ASN1_UNIVERSAL) return false;
  return content > 0 && static_cast<std::size_t>(at - begin + content) == der.size();
}

/// EVP_DecodeBlock() wants no line ends, and is three times as quick as what accepts them.
std::string decoded(std::string_view base64) {
  std::string flat;
  flat.reserve(base64.size());
  for (std::size_t begin = 0; begin < base64.size();) {
    const auto end = std::min(base64.find('\n', begin), base64.size());
    const auto line = base64.substr(begin, end - begin);
    flat.append(line, 0, line.find_last_not_of(" \t\r") + 1);
    begin = end + 1;
  }
  std::string der(flat.size() / 4 * 3, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(der.data()),
                      reinterpret_cast<const unsigned char*>(flat.data()), static_cast<int>(flat.size()));
  const std::size_t padding = flat.ends_with("==") ? 2 : flat.ends_with("=") ? 1 : 0;
  der.resize(size < 3 ? 0 : static_cast<std::size_t>(size) - padding);
  return der;
}

class Bags {
 public:
  explicit Bags(std::size_t expected) { out_.reserve(expected); }

  void add(std::string_view der) {
    if (!is_one_sequence(der)) return;
    const std::string attributes = wrapped(set, alias() + names_.trusted);
    const std::size_t certificate = wrapped_size(wrapped_size(der.size()));
    const std::size_t bag = wrapped_size(names_.x509.size() + certificate);
    put_header(out_, sequence, names_.certificate_bag.size() + wrapped_size(bag) + attributes.size());
    out_ += names_.certificate_bag;
    put_header(out_, explicit_0, bag);
    put_header(out_, sequence, names_.x509.size() + certificate);
    out_ += names_.x509;
    put_header(out_, explicit_0, wrapped_size(der.size()));
    put_header(out_, octets, der.size());
    out_.append(der).append(attributes);
  }

  /// PFX: version 3, and no MAC. What goes in front is known last; the bags are moved once, not copied for
  /// each layer (faults of fresh pages were most of the time).
  [[nodiscard]] std::string file() && {
    std::string front;
    const auto wrap = [&](Tag tag, std::string_view before = {}) {
      std::string header;
      put_header(header, tag, before.size() + front.size() + out_.size());
      front = header.append(before) + front;
    };
    const auto content_info = [&] {
      wrap(octets);
      wrap(explicit_0);
      wrap(sequence, names_.data);
    };
    wrap(sequence);
    content_info();
    wrap(sequence);
    content_info();
    wrap(sequence, "\x02\x01\x03");
    return std::move(out_.insert(0, front));
  }

 private:
  /// Java tells entries apart by it.
  std::string alias() {
    std::string name;
    for (const char digit : std::to_string(count_++)) name.append({'\0', digit});
    return wrapped(sequence, names_.friendly_name + wrapped(set, wrapped(bmp_string, name)));
  }

  Names names_;
  std::string out_;
  unsigned count_ = 0;
};

}  // namespace

std::string java_truststore(std::string_view pem, std::span<const std::string> more) {
  Bags bags(pem.size());  // base64 is a third longer than what it encodes
  for (auto begin = pem.find(begin_mark); begin != pem.npos; begin = pem.find(begin_mark, begin)) {
    begin += begin_mark.size();
    const auto end = pem.find(end_mark, begin);
    if (end == pem.npos) break;
    bags.add(decoded(pem.substr(begin, end - begin)));
  }
  for (const auto& der : more) bags.add(der);
  return std::move(bags).file();
}

}  // namespace standin::proxy
