#pragma once

#include <cstddef>
#include <span>

#include "vault/descriptor.h"

namespace standin::cli {

/// One message over a socket pair, with one descriptor beside it or none (SCM_RIGHTS, unix(7)).

/// False where the other side is gone. `descriptor` < 0: none.
bool send_with_descriptor(int channel, std::span<const std::byte> text, int descriptor) noexcept;

/// Waits for a message of exactly text.size() bytes; false at the end, or for any other. What comes along is
/// close-on-exec.
bool receive_with_descriptor(int channel, std::span<std::byte> text, vault::Descriptor& descriptor) noexcept;

}  // namespace standin::cli
