#include "proxy/base64.h"

#include <openssl/evp.h>

namespace standin::proxy {

void encode_base64(std::span<const unsigned char> bytes, char* out) noexcept {
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out), bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace standin::proxy
