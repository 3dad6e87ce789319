#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace standin::proxy {

/// The certificates (DER) that Java trusts where `file` is its trust store: the trusted ones, and of each key
/// its own. Reads JKS, whose certificates are plain and whose integrity hash is not looked at, and PKCS #12,
/// with a password or without; a part that is encrypted is skipped without one, as Java does.
///
/// Absent where it is neither, is damaged or cut off, the password is wrong, or the cipher is one that
/// OpenSSL no longer has (RC2 of before JDK 16).
std::optional<std::vector<std::string>> trusted_in_java_keystore(std::string_view file,
                                                                 const std::optional<std::string>& password);

}  // namespace standin::proxy
