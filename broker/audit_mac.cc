#include "broker/audit_mac.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include <sodium.h>

#include "proxy/base64.h"

namespace standin::broker::audit {

namespace {

std::array<unsigned char, 32> keyed_hash(const vault::Secret& key, std::string_view bytes) {
  return key.reveal([&](std::span<const std::byte> key_bytes) {
    std::array<unsigned char, 32> hash;
    // Refused by libsodium only for key sizes that are none (under 16 bytes, over 64).
    if (crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                           bytes.size(), reinterpret_cast<const unsigned char*>(key_bytes.data()),
                           key_bytes.size()) != 0 ||
        key_bytes.empty()) {
      throw std::invalid_argument("the audit key is not a key");
    }
    return hash;
  });
}

/// RFC 4648 5.
constexpr char url_safe(char c) noexcept { return c == '+' ? '-' : c == '/' ? '_' : c; }

}  // namespace

Mac Mac::of_record(const vault::Secret& key, std::string_view signed_part) {
  const auto hash = keyed_hash(key, signed_part);
  std::array<char, proxy::base64_size(hash.size())> padded;
  proxy::encode_base64(hash, padded.data());
  Mac mac;
  std::ranges::transform(padded.begin(), padded.begin() + length, mac.text_.begin(), url_safe);
  return mac;
}

// A record begins with '{', so no record's bytes are a chain's label.
Mac Mac::of_chain(const vault::Secret& key, std::string_view run) {
  return of_record(key, "standin audit chain 1 " + std::string(run));
}

bool Mac::fits(std::string_view text) const noexcept {
  return text.size() == length && sodium_memcmp(text.data(), text_.data(), length) == 0;
}

}  // namespace standin::broker::audit
