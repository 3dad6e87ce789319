#pragma once

#include <optional>
#include <string>
#include <vector>

#include "proxy/asio.h"
#include "proxy/ip_address.h"
#include "proxy/proxy.h"

namespace standin::proxy {

struct Connected {
  std::optional<Socket> socket;
  std::string reason;  // where there is none: "connection refused", of the last address that failed
};

/// Connects to the first of `addresses` that answers, beginning a further attempt a quarter of a second after
/// the one before, or as soon as that one fails (RFC 8305 5). `call` must outlive it; empty: connect(2).
Task<Connected> connect_to_any(std::vector<IpAddress> addresses, std::uint16_t port, const ConnectCall& call);

}  // namespace standin::proxy
