#pragma once

#include <span>
#include <string>
#include <string_view>

namespace standin::proxy {

/// A key store for -Djavax.net.ssl.trustStore: PKCS #12 (RFC 7292) with neither password nor MAC, as the
/// JDK's own cacerts is since 18, and as every JDK since 8 reads it, whatever password it is given. It holds
/// each CERTIFICATE block of `pem`, and `more` (DER), each as a certificate that Java trusts.
///
/// Certificates are copied, never parsed: 140 roots take a quarter of a millisecond instead of 40. A block
/// that is not one whole ASN.1 SEQUENCE in base64 is left out: a single one would make Java refuse the whole
/// store. Throws Error(tls) where memory ends.
std::string java_truststore(std::string_view pem, std::span<const std::string> more = {});

}  // namespace standin::proxy
