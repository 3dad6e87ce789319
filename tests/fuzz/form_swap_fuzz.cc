// The body of a form of any bytes: urlencoded, or multipart where its first byte is '-'.
#include <cstdint>

#include "tests/fuzz/body_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const standin::fuzz::Bodies bodies;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  bodies.check(
      body.starts_with('-') ? "multipart/form-data; boundary=B" : "application/x-www-form-urlencoded", body,
      standin::fuzz::seed_of(body));
  return 0;
}
