#include "cli/run_capture.h"

#include <set>

#include "cli/error.h"
#include "cli/messages.h"

namespace standin::cli {

CaptureWish settle_wish(CaptureWish wish, const std::string& program) {
  if (wish == CaptureWish::environment || !filter_takes_privileges() || !gains_privileges(program))
    return wish;
  if (wish == CaptureWish::kernel) {
    print_warning(
        in_quotes(program) + " does not get the rights of another user here: kernel capture takes them away",
        "run standin itself with these rights, or use '--capture env'");
    return wish;
  }
  print_warning(in_quotes(program) +
                    " runs with the rights of another user, which kernel capture would take away: "
                    "only its proxy variables lead it here, if it keeps them",
                "run standin itself with these rights, as in 'sudo standin run ...'");
  return CaptureWish::environment;
}

void explain(Capture& capture, CaptureWish wish) {
  if (capture.by == Capture::By::kernel) return;
  if (wish == CaptureWish::kernel) {
    throw Error(Error::Kind::refused, "kernel capture can't be had: " + capture.why,
                "leave '--capture kernel' out to do with proxy variables; 'standin doctor' tells what this "
                "machine can");
  }
  if (!capture.why.empty()) return;
  capture.why =
      wish == CaptureWish::environment ? "as asked for" : "the command runs with the rights of another user";
}

std::unique_ptr<ConnectSupervisor> supervise_connects(Capture& capture, proxy::Proxy& proxy,
                                                      broker::Broker& broker, bool is_behind_proxy) {
  if (capture.by == Capture::By::environment) return nullptr;
  std::set<std::uint16_t> ports;
  for (const auto& origin : broker.bound_origins()) ports.insert(origin.port());
  return std::make_unique<ConnectSupervisor>(SupervisorOptions{.listener = std::move(capture.listener),
                                                               .access = capture.access,
                                                               .bound_ports = std::move(ports),
                                                               .proxy_port = proxy.port(),
                                                               .is_behind_proxy = is_behind_proxy},
                                             *proxy.redirection(), broker);
}

}  // namespace standin::cli
