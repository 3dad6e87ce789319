#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/error.h"
#include "broker/no_proxy.h"
#include "proxy/origin.h"

namespace standin::broker {

/// Whether Node gets a module that leads it through the proxy: for runs with nothing but the environment to
/// capture its connections by.
enum class NodePreload : std::uint8_t { no, yes };

/// What a run gives its child, beyond what the parent's environment has.
struct RunFacts {
  std::string proxy_url;                    // http://standin:PASSWORD@127.0.0.1:PORT
  std::string authority_pem;                // this run's certificate authority
  std::filesystem::path folder;             // the run's own folder, 0700: files are written into it
  std::vector<proxy::OriginPattern> bound;  // origins that must not go around the proxy
  std::vector<std::pair<std::string, std::string>> stand_ins;  // variable, stand-in
  std::string system_roots;  // PEM bundle of the system; empty: found by itself
  NodePreload node_preload = NodePreload::no;
  // What a person is to be told, and a hint; empty: nobody is told.
  std::function<void(const std::string& message, const std::string& hint)> warn = {};
};

using Environment = std::vector<std::pair<std::string, std::string>>;

/// The child's whole environment: the parent's, less STANDIN_*, with the proxy and trust variables of
/// docs/standin.1.md "Environment of the child", and with the stand-ins. Of a name that the parent has twice,
/// the first counts, as it does for getenv(). Without a proxy_url the proxy variables stay as they are.
///
/// Writes (0600) into facts.folder: `ca.pem` (the authority, followed by the parent's NODE_EXTRA_CA_CERTS and
/// DENO_CERT), `roots.pem` (the system's roots, the parent's own extra roots, the authority), `wgetrc` (the
/// parent's or ~/.wgetrc, then our lines), `php/standin.ini` and `roots.p12` (broker/child_java.h), and with
/// NodePreload::yes `node_preload.cjs`. Files are concatenated, never parsed, each once however it is named;
/// a folder of the parent's is taken as OpenSSL would, by its hashed names. A file of the parent's that can't
/// be read is left out: no client of the parent's could read it either.
///
/// Throws Error(io) with the path and the reason; the folder may then hold some of the files.
Environment child_environment(const Environment& parent, const RunFacts& facts);

}  // namespace standin::broker
