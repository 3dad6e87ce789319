// What judging and swapping add to a request. The mark: an ordinary request well under 2 µs in a release
// build.
#include <deque>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "broker/injector.h"
#include "broker/stand_in.h"

namespace standin::broker {
namespace {

/// Ten fields as a Node client sends them, with one bearer token.
class OrdinaryRequest {
 public:
  OrdinaryRequest(std::size_t credentials, const Site& site) {
    for (std::size_t i = 0; i < credentials; ++i) {
      Credential& credential = credentials_.emplace_back();
      credential.name = "credential-" + std::to_string(i);
      credential.origins = {proxy::OriginPattern::parse("api.github.com")};
      credential.sites = {site};
      credential.shape = {"ghp_", "alnum", 36};
    }
    stand_ins_ = make_stand_ins(std::vector(credentials_.begin(), credentials_.end()));
    for (std::size_t i = 0; i < credentials; ++i) bound_.push_back({&credentials_[i], stand_ins_[i]});
    const std::string_view secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
    secret_ = vault::Secret::copy_of(std::as_bytes(std::span(secret)));
  }

  [[nodiscard]] Injector injector() const { return Injector(bound_); }
  [[nodiscard]] const std::string& stand_in() const { return stand_ins_.back(); }

  [[nodiscard]] proxy::RequestHead head(std::string_view authorization, std::string_view target) const {
    proxy::RequestHead head;
    head.method = "GET";
    head.target = target;
    head.fields = {{"Host", "api.github.com"},
                   {"Accept", "application/vnd.github+json"},
                   {"Accept-Encoding", "gzip, deflate, br"},
                   {"Accept-Language", "*"},
                   {"Authorization", authorization},
                   {"User-Agent", "octokit-rest.js/20.1.0 octokit-core.js/5.2.0 Node.js/22"},
                   {"X-GitHub-Api-Version", "2022-11-28"},
                   {"Sec-Fetch-Mode", "cors"},
                   {"Content-Type", "application/json"},
                   {"Connection", "keep-alive"}};
    return head;
  }

  void run(benchmark::State& state, const std::string& authorization, const std::string& target) const {
    const Injector injector(bound_);
    const auto origin = proxy::Origin::from_authority(proxy::Scheme::https, "api.github.com").value();
    const LendSecret lend = [this](std::size_t) -> const vault::Secret& { return secret_; };
    for (auto _ : state) {
      auto request = head(authorization, target);
      const auto judgement = injector.judge(origin, request);
      benchmark::DoNotOptimize(injector.inject(request, std::get<Found>(judgement), lend));
      benchmark::DoNotOptimize(request.fields.data());
    }
  }

 private:
  std::deque<Credential> credentials_;
  std::vector<std::string> stand_ins_;
  std::vector<BoundStandIn> bound_;
  vault::Secret secret_;
};

constexpr const char* target = "/repos/octo/hello/issues?state=open&per_page=100&page=1";

/// The head alone: what is not the injector's.
void MakeHead(benchmark::State& state) {
  const OrdinaryRequest ordinary(1, Site{});
  for (auto _ : state) benchmark::DoNotOptimize(ordinary.head("Bearer x", target));
}
BENCHMARK(MakeHead);

void NoStandIn(benchmark::State& state) {
  const OrdinaryRequest ordinary(static_cast<std::size_t>(state.range(0)), Site{});
  ordinary.run(state, "Bearer ghp_0123456789abcdefghijABCDEFGHIJ012345", target);
}
BENCHMARK(NoStandIn)->Arg(1)->Arg(15);

void Bearer(benchmark::State& state) {
  const OrdinaryRequest ordinary(static_cast<std::size_t>(state.range(0)), Site{});
  ordinary.run(state, "Bearer " + ordinary.stand_in(), target);
}
BENCHMARK(Bearer)->Arg(1)->Arg(15);

void Basic(benchmark::State& state) {
  const OrdinaryRequest ordinary(static_cast<std::size_t>(state.range(0)), Site{});
  const std::string user = "x-access-token:";
  BasicValue value{"Basic ", proxy::WipingBuffer(user.begin(), user.end())};
  proxy::append(value.user_pass, ordinary.stand_in());
  ordinary.run(state, std::string(proxy::view(encode_basic(value))), target);
}
BENCHMARK(Basic)->Arg(1)->Arg(15);

void Query(benchmark::State& state) {
  const OrdinaryRequest ordinary(static_cast<std::size_t>(state.range(0)), {Site::Kind::query, "key"});
  ordinary.run(state, "Bearer x", std::string(target) + "&key=" + ordinary.stand_in());
}
BENCHMARK(Query)->Arg(1)->Arg(15);

/// A text that begins every stand-in at every fourth byte: the worst a child can send.
void HostileField(benchmark::State& state) {
  const OrdinaryRequest ordinary(15, Site{});
  std::string value;
  while (value.size() < 60'000) value += "ghp_";
  ordinary.run(state, value, target);
}
BENCHMARK(HostileField);

}  // namespace
}  // namespace standin::broker
