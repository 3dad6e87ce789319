#pragma once

#include <nghttp2/nghttp2.h>

namespace standin::proxy {

/// nghttp2 keeps copies of fields, some of which are secrets: whatever it frees of this is wiped.
[[nodiscard]] nghttp2_mem* wiping_memory() noexcept;

}  // namespace standin::proxy
