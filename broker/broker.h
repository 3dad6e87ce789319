#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "broker/audit_log.h"
#include "broker/credential.h"
#include "broker/egress.h"
#include "broker/error.h"
#include "proxy/interceptor.h"
#include "vault/vault.h"

namespace standin::broker {

/// Which credentials a run asks for (docs/standin.1.md, "Which credentials a run gets").
struct Selection {
  std::vector<std::string> with;  // --with
  bool all = false;               // --all
  std::vector<std::pair<std::string, std::string>> variables;  // --env VAR=NAME: a further variable for NAME
};

/// The credentials of the run, in the vault's order; `--env` adds NAME where it is not selected otherwise.
/// Throws Error(unknown_credential), Error(no_credentials) with the list and the two flags.
std::vector<Credential> select_credentials(const vault::Vault& vault, const Selection& selection,
                                           std::span<const std::string> command);

struct BrokerOptions {
  std::vector<Credential> credentials;
  EgressMode egress = EgressMode::guarded;
  std::vector<std::string> allowed_networks;
  /// Called from the proxy's thread, once a run and kind of refusal: for stderr.
  std::function<void(const proxy::Refusal&)> report;
};

/// Says what may happen in one run: the interceptor behind its proxy. Holds the run's stand-ins and opens a
/// secret only for the swap it goes into. Follows `rotate`, `edit` and `remove`: the vault is looked at before
/// each use (one stat), so that running children use a new secret from their next request on.
///
/// Thread: the constructor and stand_ins() on one thread before the proxy starts; the rest on the proxy's.
class Broker final : public proxy::Interceptor {
 public:
  Broker(BrokerOptions options, vault::Vault vault, AuditLog& audit);
  ~Broker() override;

  /// The stand-in of each of options.credentials, in order.
  [[nodiscard]] const std::vector<std::string>& stand_ins() const noexcept;
  [[nodiscard]] std::vector<proxy::OriginPattern> bound_origins() const;

  proxy::Handling handling(const proxy::Origin& origin) override;
  std::optional<proxy::Refusal> check_origin(const proxy::Origin& origin) override;
  std::optional<proxy::Refusal> check_address(const proxy::Origin& origin, const proxy::IpAddress& address) override;
  proxy::Verdict on_request(const proxy::Origin& origin, proxy::RequestHead& head) override;
  std::optional<proxy::Refusal> on_tunnel(const proxy::Origin& origin) override;
  void on_refused(const proxy::Origin* origin, std::string_view method, std::string_view target,
                  const proxy::Refusal& refusal) noexcept override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace standin::broker
