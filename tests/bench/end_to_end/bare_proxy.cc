// The proxy alone, with an interceptor of ten lines: what the boundary costs before anything is judged.
// Prints its URL, and writes its authority to FOLDER/authority.pem. Ends when stdin does.
//
//   bare_proxy FOLDER ORIGIN ROOTS PLACEHOLDER TOKEN

#include <unistd.h>

#include <fstream>
#include <iostream>
#include <string>

#include "proxy/proxy.h"

namespace {

using namespace standin::proxy;

class Swap final : public Interceptor {
 public:
  Swap(OriginPattern bound, std::string from, std::string to)
      : bound_(std::move(bound)), from_(std::move(from)), to_(std::move(to)) {}

  Handling handling(const Origin& origin) override {
    return bound_.matches(origin) ? Handling::intercept : Handling::tunnel;
  }
  std::optional<Refusal> check_origin(const Origin&) override { return {}; }
  std::optional<Refusal> check_address(const Origin&, const IpAddress&) override { return {}; }
  std::optional<Refusal> on_tunnel(const Origin&) override { return {}; }
  void on_refused(const Origin*, std::string_view, std::string_view target,
                  const Refusal& why) noexcept override {
    std::cerr << "refused: " << target << ": " << why.code << ": " << why.message << "\n";
  }
  Verdict on_request(const Origin&, RequestHead& head) override {
    for (std::size_t i = 0; i < head.fields.size(); ++i) {
      const auto at = head.fields[i].value.find(from_);
      if (at == std::string_view::npos) continue;
      WipingBuffer value;
      append(value, head.fields[i].value.substr(0, at));
      append(value, to_);
      append(value, head.fields[i].value.substr(at + from_.size()));
      head.replace_value(i, std::move(value));
    }
    return Pass{};
  }

 private:
  OriginPattern bound_;
  std::string from_, to_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: bare_proxy FOLDER ORIGIN ROOTS PLACEHOLDER TOKEN\n";
    return 2;
  }
  const OriginPattern bound = OriginPattern::parse(argv[2]);
  Swap swap(bound, argv[4], argv[5]);
  ProxyOptions options;
  options.bound = {bound};
  options.trust_file = argv[3];
  Proxy proxy(std::move(options), swap);
  std::ofstream(std::string(argv[1]) + "/authority.pem") << proxy.authority_pem();
  proxy.start();
  std::cout << proxy.url() << std::endl;
  char ignored = 0;
  while (::read(0, &ignored, 1) > 0) {
  }
  return 0;
}
