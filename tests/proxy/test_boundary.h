#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/body_transform.h"
#include "proxy/proxy.h"
#include "tests/fake_upstream.h"
#include "tests/test_client.h"
#include "tests/test_pki.h"

namespace standin::proxy::test {

using standin::test::Conversation;
using standin::test::FakeUpstream;
using standin::test::Flaw;
using standin::test::Gate;
using standin::test::Received;
using standin::test::Reply;
using standin::test::Response;
using standin::test::StreamError;
using standin::test::TestClient;
using standin::test::TestPki;

inline constexpr std::string_view stand_in = "ghp_standin00000";
inline constexpr std::string_view secret = "ghp_RealSecret/+";

/// What may happen, in ten lines: swaps the one stand-in in every field, and remembers what it was asked. The
/// hooks are set before the proxy starts.
class ScriptedInterceptor final : public Interceptor {
 public:
  std::function<std::optional<Refusal>(const Origin&)> refuse_origin;
  std::function<std::optional<Refusal>(const IpAddress&)> refuse_address;
  std::function<std::optional<Refusal>(const RequestHead&)> refuse_request;
  std::function<std::optional<Refusal>(const Origin&)> refuse_tunnel;
  std::function<std::optional<Refusal>()> commit;  // of what on_request() let through, then with others
  std::function<void(RequestHead&)> change;
  std::function<std::unique_ptr<BodyTransform>(const RequestHead&)> change_body;
  std::function<std::unique_ptr<BodyTransform>(ResponseHead&)> change_response;
  std::function<std::optional<WipingBuffer>(const Field&)> change_trailer;
  MessageFilters messages;
  std::vector<OriginPattern> bound;

  Handling handling(const Origin& origin) override {
    for (const auto& pattern : bound) {
      if (pattern.matches(origin)) return Handling::intercept;
    }
    return Handling::tunnel;
  }
  std::optional<Refusal> check_origin(const Origin& o) override {
    return refuse_origin ? refuse_origin(o) : std::nullopt;
  }
  std::optional<Refusal> check_address(const Origin&, const IpAddress& a) override {
    return refuse_address ? refuse_address(a) : std::nullopt;
  }
  Verdict on_request(const Origin& origin, RequestHead& head) override;
  std::optional<Refusal> on_tunnel(const Origin& origin, const IpAddress* address) override;
  void on_refused(const Origin*, std::string_view method, std::string_view target,
                  const Refusal& refusal) noexcept override;
  void on_turn_end() noexcept override;

  /// "GET https://localhost:1234 /path" of each request that passed, "tunnel https://…" of each tunnel,
  /// "… at 203.0.113.9" where the name is only a claim.
  [[nodiscard]] std::vector<std::string> passed() const;
  /// "502 upstream_tls message" of each.
  [[nodiscard]] std::vector<std::string> refused() const;
  /// How the exchanges ended, in that order; waits for so many.
  std::vector<Outcome> wait_for_outcomes(std::size_t count) const;
  [[nodiscard]] std::size_t outcomes() const;
  /// How many exchanges had ended when the last turn did; waits for so many.
  std::size_t wait_for_turn_end_after(std::size_t count) const;
  [[nodiscard]] std::size_t unfinished() const;  // exchanges handed out, and neither told nor destroyed

 private:
  class Recorded;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<std::string> passed_, refused_;
  std::vector<Outcome> outcomes_;
  std::size_t open_ = 0;
  std::size_t ended_by_turn_ = 0;
};

/// A proxy with one TLS origin behind it, "localhost", that is bound: the stage of every test here.
class BoundaryTest : public ::testing::Test {
 protected:
  TestPki pki;
  FakeUpstream origin{pki.make_certificate({"localhost", "127.0.0.1"})};
  ScriptedInterceptor interceptor;
  ProxyOptions options;
  std::optional<Proxy> proxy;

  BoundaryTest() { bind("localhost:" + std::to_string(origin.port())); }

  void bind(const std::string& pattern) {
    options.bound.push_back(OriginPattern::parse(pattern));
    interceptor.bound.push_back(options.bound.back());
  }
  /// Starts the proxy at the first call.
  Proxy& start();
  [[nodiscard]] std::string userinfo();  // "standin:PASSWORD"
  /// A request head for `origin`, as bytes.
  [[nodiscard]] std::string head(const std::string& line, const std::string& more = {}) const {
    return line + " HTTP/1.1\r\nHost: " + authority() + "\r\n" + more + "\r\n";
  }
  [[nodiscard]] std::string authorization() { return standin::test::basic(userinfo()); }
  [[nodiscard]] std::string authority() const { return "localhost:" + std::to_string(origin.port()); }

  /// A client inside an intercepted TLS connection to the origin.
  struct Session : TestClient {
    explicit Session(BoundaryTest& test) : Session(test, test.authority()) {}
    Session(BoundaryTest& test, const std::string& authority);
    Response get(std::string_view target, const standin::test::Fields& fields = {}) {
      return request("GET", target, host, fields);
    }
    Response post(std::string_view target, std::string_view body) {
      return request("POST", target, host, {}, body);
    }
    std::string host;
  };
  /// One that has spoken with nobody yet.
  struct Outside : TestClient {
    explicit Outside(BoundaryTest& test) : TestClient(test.start().port()) {}
  };
  /// "GET http://HOST/PATH" with the password.
  [[nodiscard]] std::string absolute(const std::string& line, const std::string& host,
                                     const std::string& more = {});
};

/// An origin in the test's own hands, a connection at a time.
class RawPeer {
 public:
  RawPeer() : listener_(standin::test::Stream::listen_loopback(port_)) {}
  ~RawPeer() { ::close(listener_); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] std::string authority() const { return "localhost:" + std::to_string(port_); }
  [[nodiscard]] std::unique_ptr<standin::test::Stream> accept() const {
    return std::make_unique<standin::test::Stream>(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));
  }

 private:
  std::uint16_t port_ = 0;
  int listener_;
};

/// The `Standin-Error` of a response, and its JSON body, which must agree.
std::string error_code(const Response& response);

/// Resident memory of this process, in bytes.
std::size_t resident_bytes();

}  // namespace standin::proxy::test
