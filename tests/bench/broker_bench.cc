// What the broker adds to a request with a real vault and a real log: a look at the vault, the judgement, a
// record before and one after. And what opening a secret costs, which is why it stays open.
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include <benchmark/benchmark.h>

#include "broker/broker.h"
#include "tests/temporary_folder.h"

namespace standin::broker {
namespace {

class Run {
 public:
  Run() {
    vault::Vault::create(root_ / "vault", key()).add("github", scope(), secret());
    vault::Vault vault = open();
    audit_ = std::make_unique<AuditLog>(root_ / "audit", vault.derive_key("audit"), AuditLog::new_run_id());
    BrokerOptions options;
    options.credentials = select_credentials(vault, {.all = true}, {});
    broker_ = std::make_unique<Broker>(std::move(options), std::move(vault), *audit_);
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  [[nodiscard]] vault::Vault open() const { return vault::Vault::open(root_ / "vault", key()); }
  [[nodiscard]] Broker& broker() const { return *broker_; }

 private:
  [[nodiscard]] vault::Unlock key() const { return vault::KeyFile{root_ / "key" / "file"}; }
  static std::string scope() {
    Credential credential;
    credential.name = "github";
    credential.origins = {proxy::OriginPattern::parse("api.github.com")};
    credential.sites = {Site{}};
    return credential.to_scope();
  }
  static vault::Secret secret() {
    const std::string_view text = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
    return vault::Secret::copy_of(std::as_bytes(std::span(text)));
  }

  test::TemporaryFolder root_;
  std::unique_ptr<AuditLog> audit_;
  std::unique_ptr<Broker> broker_;
};

void OpenSecret(benchmark::State& state) {
  const Run run;
  const vault::Vault vault = run.open();
  for (auto _ : state) benchmark::DoNotOptimize(vault.secret("github"));
}
BENCHMARK(OpenSecret);

/// Whether other requests come with it, as on a proxy with much to do.
enum class Turn : std::uint8_t { goes_on, ends_each_time };

void Request(benchmark::State& state, bool with_stand_in, Turn turn) {
  constexpr std::size_t in_a_turn = 16;
  const Run run;
  std::vector<std::unique_ptr<proxy::Exchange>> exchanges;
  const auto origin = proxy::Origin::from_authority(proxy::Scheme::https, "api.github.com").value();
  const std::string authorization = "Bearer " + (with_stand_in ? run.broker().stand_ins()[0] : "own");
  for (auto _ : state) {
    proxy::RequestHead head;
    head.method = "GET";
    head.target = "/repos/octo/hello/issues?state=open&per_page=100&page=1";
    head.fields = {{"Host", "api.github.com"}, {"Accept", "*/*"}, {"Authorization", authorization}};
    auto verdict = run.broker().on_request(origin, head);
    if (auto& exchange = std::get<proxy::Pass>(verdict).exchange) exchanges.push_back(std::move(exchange));
    if (turn == Turn::goes_on && exchanges.size() < in_a_turn) continue;
    for (const auto& exchange : exchanges) {
      if (exchange->commit()) std::abort();
    }
    for (const auto& exchange : exchanges)
      exchange->finished({200, 0, 1234, std::chrono::microseconds(100), ""});
    exchanges.clear();
    if (turn == Turn::ends_each_time) run.broker().on_turn_end();
  }
}
BENCHMARK_CAPTURE(Request, without_stand_in, false, Turn::goes_on);
BENCHMARK_CAPTURE(Request, swapped_and_recorded, true, Turn::goes_on);
BENCHMARK_CAPTURE(Request, swapped_and_recorded_alone, true, Turn::ends_each_time);

}  // namespace
}  // namespace standin::broker
