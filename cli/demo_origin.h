#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace standin::proxy {
class CertificateAuthority;
}

namespace standin::cli {

/// A small HTTPS origin on a loopback port, for `standin demo`: answers every request with what it got as
/// Authorization, reversed, so that the answer proves what arrived without repeating it.
///
/// Serves on a thread of its own until it is destroyed.
class DemoOrigin {
 public:
  /// `authority` makes its certificate, for "localhost", and must outlive it. Throws std::exception.
  explicit DemoOrigin(proxy::CertificateAuthority& authority);
  ~DemoOrigin();
  DemoOrigin(const DemoOrigin&) = delete;
  DemoOrigin& operator=(const DemoOrigin&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept;
  [[nodiscard]] std::string authority() const { return "localhost:" + std::to_string(port()); }
  /// The Authorization of each request so far.
  [[nodiscard]] std::vector<std::string> received() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace standin::cli
