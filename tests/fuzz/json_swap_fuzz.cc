// A JSON body of any bytes; body_fuzz.h says what must hold.
#include <cstdint>

#include "tests/fuzz/body_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const standin::fuzz::Bodies bodies;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  bodies.check("application/json", body, standin::fuzz::seed_of(body));
  return 0;
}
