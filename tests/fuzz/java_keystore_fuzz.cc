// A key store that the parent names, and roots that it names, from hostile bytes.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "proxy/java_keystore.h"
#include "proxy/java_truststore.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace standin::proxy;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // No password: the iterations of its derivation are the file's to name.
  (void)trusted_in_java_keystore(bytes, std::nullopt);
  // A block that is no certificate may stand in the store; the store itself is always sound.
  if (!trusted_in_java_keystore(java_truststore(bytes), std::nullopt)) std::abort();
  return 0;
}
