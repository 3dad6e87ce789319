#pragma once

#include <span>
#include <string>
#include <string_view>

#include "proxy/origin.h"

namespace standin::broker {

/// The parent's NO_PROXY and the loopback names, less every entry that would let an origin of `bound` go
/// around the proxy. Entries keep their order and spelling; doubles go.
///
/// Clients disagree on what an entry means, so an entry goes when *any* reading of it covers a bound origin:
/// "hub.com" is a plain suffix of "github.com" to Python's requests, "corp.example" covers its subdomains to
/// curl, "*.corp.example" and "git*.corp.example" are globs to others, "10.0.0.0/8" and "10." are ranges.
/// Only an entry whose ":port" is another than the origin's stays. What is dropped costs nothing: the proxy
/// itself follows the parent's NO_PROXY on its way out.
std::string merged_no_proxy(std::string_view parent, std::span<const proxy::OriginPattern> bound);

}  // namespace standin::broker
