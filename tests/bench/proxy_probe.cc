// The proxy alone, with an interceptor of ten lines: for measuring the engine without vault, policy and
// audit.
//   PROBE_STANDIN=ph PROBE_SECRET=real PROBE_ROOTS=ca.pem PROBE_CA_OUT=authority.pem proxy_probe ORIGIN...
// Prints the proxy's URL and serves until its standard input ends.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "proxy/proxy.h"

namespace {

using namespace standin::proxy;

class Swap final : public Interceptor {
 public:
  explicit Swap(std::vector<OriginPattern> bound) : bound_(std::move(bound)) {}

  Handling handling(const Origin& origin) override {
    for (const auto& pattern : bound_) {
      if (pattern.matches(origin)) return Handling::intercept;
    }
    return Handling::tunnel;
  }
  std::optional<Refusal> check_origin(const Origin&) override { return std::nullopt; }
  std::optional<Refusal> check_address(const Origin&, const IpAddress&) override { return std::nullopt; }
  Verdict on_request(const Origin&, RequestHead& head) override {
    for (std::size_t i = 0; i < head.fields.size(); ++i) {
      const std::size_t at = head.fields[i].value.find(stand_in_);
      if (at == std::string_view::npos) continue;
      WipingBuffer value;
      append(value, head.fields[i].value.substr(0, at));
      append(value, secret_);
      append(value, head.fields[i].value.substr(at + stand_in_.size()));
      head.replace_value(i, std::move(value));
    }
    return Pass{};
  }
  std::optional<Refusal> on_tunnel(const Origin&, const IpAddress*) override { return std::nullopt; }
  void on_refused(const Origin*, std::string_view, std::string_view,
                  const Refusal& refusal) noexcept override {
    std::fprintf(stderr, "%u %s: %s\n", refusal.status, refusal.code.c_str(), refusal.message.c_str());
  }

 private:
  static std::string env(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
  }
  std::vector<OriginPattern> bound_;
  std::string stand_in_ = env("PROBE_STANDIN"), secret_ = env("PROBE_SECRET");
};

}  // namespace

int main(int argc, char** argv) {
  ProxyOptions options;
  for (int i = 1; i < argc; ++i) options.bound.push_back(OriginPattern::parse(argv[i]));
  if (const char* roots = std::getenv("PROBE_ROOTS")) options.trust_file = roots;
  Swap swap(options.bound);
  Proxy proxy(std::move(options), swap);
  if (const char* out = std::getenv("PROBE_CA_OUT")) std::ofstream(out) << proxy.authority_pem();
  proxy.start();
  std::printf("%s\n", proxy.url().c_str());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
}
