#pragma once

#include <cstdint>
#include <memory>
#include <set>

#include "broker/broker.h"
#include "cli/capture.h"
#include "proxy/redirection.h"
#include "vault/descriptor.h"

namespace standin::cli {

struct SupervisorOptions {
  vault::Descriptor listener;  // of the filter that the child runs under
  SocketAccess access = SocketAccess::duplicated;
  std::set<std::uint16_t> bound_ports;  // where this run's credentials are bound
  std::uint16_t proxy_port = 0;         // of the proxy's front door, which clients find by its variables
  /// Names are resolved beyond a company's proxy: that the kernel knows no way there says nothing.
  bool is_behind_proxy = false;
};

/// Kernel capture: answers each connect() of the child's processes, on a thread of its own, so that no TLS
/// work delays one. Towards a port where TLS or HTTP is expected (443, 80, 8443, 8080, a bound one) the
/// socket is connected to the proxy's other door; anywhere else, where the child wanted, if `broker` says
/// that it may. Loopback is where people test their own servers: there, only the bound ports are redirected.
///
/// Every connect of an internet socket is performed here, loopback's too, and from a copy of the address:
/// were the kernel told to go on, another thread of the child could change the address after it was looked
/// at. What is no internet socket (AF_UNIX, netlink) goes on. What can't be looked at, because its process is
/// closed to us (PR_SET_DUMPABLE 0, another user's), fails with EACCES.
///
/// When the supervisor is gone, every connect() of the child fails with ENOSYS: it has to outlive the child.
class ConnectSupervisor {
 public:
  /// `door` and `broker` must outlive it. Throws Error(environment).
  ConnectSupervisor(SupervisorOptions options, proxy::Redirection& door, broker::Broker& broker);
  ~ConnectSupervisor();  // stop()
  ConnectSupervisor(const ConnectSupervisor&) = delete;
  ConnectSupervisor& operator=(const ConnectSupervisor&) = delete;

  void start();
  /// Joins the thread. Idempotent.
  void stop() noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace standin::cli
