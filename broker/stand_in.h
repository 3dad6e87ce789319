#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/credential.h"
#include "broker/error.h"

namespace standin::broker {

/// Fills the span with random bytes; the default is randombytes_buf. A test's own is deterministic.
using RandomSource = std::function<void(std::span<unsigned char>)>;

/// The characters of a shape's named alphabet ("alnum", "base64url", "hex", "digits", "upper_alnum"), or
/// none for a name that is not known.
std::string_view alphabet_characters(std::string_view name) noexcept;

/// Makes one stand-in for each credential, in order: in the shape given, with at least 128 random bits, with
/// the text "standin" ("STANDIN" where the alphabet is upper case) where the shape has room for both, none
/// contained in another. "standin_" and 32 characters where no shape is known: length 0, an alphabet that
/// is not known, or a prefix that an encoder would change (white space, control bytes, '%', '"', '\').
/// A shape too short for 128 bits is lengthened.
///
/// Every character is chosen without bias (rejection, never a remainder). Throws Error(io) where the random
/// source repeats itself, so that no two can be told apart.
std::vector<std::string> make_stand_ins(std::span<const Credential> credentials,
                                        const RandomSource& random = {});

}  // namespace standin::broker
