#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/audit_log.h"
#include "broker/credential.h"
#include "broker/egress.h"
#include "broker/error.h"
#include "broker/selection.h"
#include "proxy/interceptor.h"
#include "proxy/redirection.h"
#include "vault/vault.h"

namespace standin::broker {

struct BrokerOptions {
  std::vector<Credential> credentials;  // select_credentials()
  EgressMode egress = EgressMode::guarded;
  std::vector<std::string> allowed_networks;
  /// Called from the proxy's thread, once a run and code of refusal: for stderr. Must not throw.
  std::function<void(const proxy::Refusal&)> report;
};

/// How a connect() that the kernel handed over is to go on.
enum class ConnectWay : std::uint8_t {
  redirected,  // to the proxy, which learns the name and judges again
  direct,      // to where the child said, unread
};

/// Says what may happen in one run: the interceptor behind its proxy. Holds the run's stand-ins; a secret is
/// opened for its first use, and stays open (in the locked memory of vault::Secret) until the vault changes.
///
/// Follows `rotate`, `edit` and `remove`: the vault is looked at before each request (one stat), so that
/// running children use a new secret from their next request on. Which origins are decrypted is fixed when
/// the run starts, because its certificate authority may not vouch for others: an origin that `edit` adds is
/// reached by the next run. A vault that changed and can't be read again refuses every use, 502
/// secret_unusable; a credential that is gone, 403 denied_by_rule.
///
/// Every use is on record before on_request() returns. How it ended is written with the next record, or when
/// the proxy's turn ends: one write is most of what a record costs. When the log can't be written, nothing is
/// swapped (503 audit_unavailable); how an exchange ended is kept then, and written before the next use.
///
/// Thread: the constructor and stand_ins() on one thread before the proxy starts; what says so on any; the
/// rest on the proxy's. The broker must outlive the proxy and its exchanges. The constructor throws
/// Error(bad_network), Error(io).
class Broker final : public proxy::Interceptor {
 public:
  Broker(BrokerOptions options, vault::Vault vault, AuditLog& audit);
  ~Broker() override;

  /// The stand-in of each of options.credentials, in order.
  [[nodiscard]] const std::vector<std::string>& stand_ins() const noexcept;
  /// What this run decrypts, each pattern once.
  [[nodiscard]] const std::vector<proxy::OriginPattern>& bound_origins() const noexcept;
  /// Writes what the log still lacks. To be called when the proxy has stopped, before `run_ended`.
  /// Throws Error(audit_unavailable).
  void settle();

  /// Kernel capture: may a process of the child connect there? Where it may directly, that is on record when
  /// this returns (loopback aside, which is talk within the machine); a refusal is in any case. Thread: any.
  std::optional<proxy::Refusal> check_connect(const proxy::Endpoint& to, ConnectWay way);
  /// ... it goes there uncaptured, because it is no business of this network: `reason` is a code. Thread:
  /// any.
  void on_uncaptured(const proxy::Endpoint& to, const char* reason) noexcept;
  /// ... it can't, because it could not be looked at. Thread: any.
  void on_unreadable(const proxy::Refusal& refusal) noexcept;

  proxy::Handling handling(const proxy::Origin& origin) override;
  std::optional<proxy::Refusal> check_origin(const proxy::Origin& origin) override;
  std::optional<proxy::Refusal> check_address(const proxy::Origin& origin,
                                              const proxy::IpAddress& address) override;
  proxy::Verdict on_request(const proxy::Origin& origin, proxy::RequestHead& head) override;
  void on_turn_end() noexcept override;
  std::optional<proxy::Refusal> on_tunnel(const proxy::Origin& origin,
                                          const proxy::IpAddress* address) override;
  void on_refused(const proxy::Origin* origin, std::string_view method, std::string_view target,
                  const proxy::Refusal& refusal) noexcept override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace standin::broker
