#pragma once

#include <memory>
#include <string>

#include "broker/broker.h"
#include "cli/capture.h"
#include "cli/connect_supervisor.h"
#include "proxy/proxy.h"

namespace standin::cli {

/// What of `wish` is to be tried for `program`: kernel capture takes away what setuid programs are for,
/// unless root makes the filter. Warns where that matters.
CaptureWish settle_wish(CaptureWish wish, const std::string& program);

/// Completes what the log will say of `capture`, with what was wished for. Throws Error(refused) where that
/// was kernel capture and there is none.
void explain(Capture& capture, CaptureWish wish);

/// Answers the child's connects, with `capture`'s listener; null where the environment has to do. The proxy
/// and the broker must outlive it. `is_behind_proxy`: a company's.
std::unique_ptr<ConnectSupervisor> supervise_connects(Capture& capture, proxy::Proxy& proxy,
                                                      broker::Broker& broker, bool is_behind_proxy);

}  // namespace standin::cli
