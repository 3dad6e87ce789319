#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/credential.h"

namespace standin::broker {

/// What a run gives its child, beyond what the parent's environment has.
struct RunFacts {
  std::string proxy_url;                           // http://standin:PASSWORD@127.0.0.1:PORT
  std::string authority_pem;                       // this run's certificate authority
  std::filesystem::path folder;                    // the run's own folder, 0700: files are written into it
  std::vector<proxy::OriginPattern> bound;         // origins that must not go around the proxy
  std::vector<std::pair<std::string, std::string>> stand_ins;  // variable, stand-in
  std::string system_roots;                        // PEM bundle of the system; empty: found by itself
};

using Environment = std::vector<std::pair<std::string, std::string>>;

/// The child's whole environment: the parent's, less STANDIN_*, with the proxy and trust variables of
/// docs/standin.1.md "Environment of the child", and with the stand-ins. Writes (0600) into facts.folder:
/// `ca.pem` (the authority, followed by the parent's NODE_EXTRA_CA_CERTS where it has one), `roots.pem` (the
/// system's roots, the parent's own extra roots, the authority: files concatenated, never parsed), `wgetrc`
/// (the parent's, then ca_certificate) and `php/standin.ini`.
/// Throws Error(io) with the path and the reason.
Environment child_environment(const Environment& parent, const RunFacts& facts);

/// The parent's NO_PROXY and the loopback names, less every entry that would let an origin of `bound` go
/// around the proxy.
std::string merged_no_proxy(std::string_view parent, std::span<const proxy::OriginPattern> bound);

}  // namespace standin::broker
