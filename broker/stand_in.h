#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "broker/credential.h"

namespace standin::broker {

/// Fills the span with random bytes; the default is randombytes_buf. A test's own is deterministic.
using RandomSource = std::function<void(std::span<unsigned char>)>;

/// Makes one stand-in for each credential, in order: in the shape given, with at least 128 random bits, with
/// the text "standin" where the shape has room for both, none contained in another. "standin_" and 32
/// characters where no shape is known. A shape too short for 128 bits is lengthened.
std::vector<std::string> make_stand_ins(std::span<const Credential> credentials, const RandomSource& random = {});

}  // namespace standin::broker
