#include "tests/proxy/test_boundary.h"

#include <fstream>

#include <nlohmann/json.hpp>

namespace standin::proxy::test {

class ScriptedInterceptor::Recorded final : public Exchange {
 public:
  explicit Recorded(ScriptedInterceptor& home) : home_(home) {}
  ~Recorded() override {
    const std::lock_guard lock(home_.mutex_);
    --home_.open_;
    home_.changed_.notify_all();
  }
  std::unique_ptr<BodyTransform> on_response(ResponseHead& head) override {
    return home_.change_response ? home_.change_response(head) : nullptr;
  }
  std::optional<WipingBuffer> on_response_trailer(const Field& trailer) override {
    return home_.change_trailer ? home_.change_trailer(trailer) : std::nullopt;
  }
  MessageFilters on_websocket() override { return home_.messages; }
  [[nodiscard]] Recording recording() const noexcept override {
    return home_.commit && !is_committed_ ? Recording::with_others : Recording::done;
  }
  std::optional<Refusal> commit() override {
    is_committed_ = true;
    return home_.commit();
  }
  void finished(const Outcome& outcome) noexcept override {
    const std::lock_guard lock(home_.mutex_);
    home_.outcomes_.push_back(outcome);
    home_.changed_.notify_all();
  }

 private:
  ScriptedInterceptor& home_;
  bool is_committed_ = false;
};

Verdict ScriptedInterceptor::on_request(const Origin& origin, RequestHead& head) {
  if (refuse_request) {
    if (auto refusal = refuse_request(head)) return *refusal;
  }
  const std::string line =
      std::string(head.method) + " " + origin.to_string() + " " + std::string(head.target);
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    const std::string_view old = head.fields[i].value;
    const std::size_t at = old.find(stand_in);
    if (at == old.npos) continue;
    WipingBuffer value;
    append(value, old.substr(0, at));
    append(value, secret);
    append(value, old.substr(at + stand_in.size()));
    head.replace_value(i, std::move(value));
  }
  if (change) change(head);
  const std::lock_guard lock(mutex_);
  passed_.push_back(line);
  ++open_;
  return Pass{std::make_unique<Recorded>(*this), change_body ? change_body(head) : nullptr};
}

std::optional<Refusal> ScriptedInterceptor::on_tunnel(const Origin& origin, const IpAddress* address) {
  if (refuse_tunnel) {
    if (auto refusal = refuse_tunnel(origin)) return refusal;
  }
  const std::lock_guard lock(mutex_);
  passed_.push_back("tunnel " + origin.to_string() + (address ? " at " + address->to_string() : ""));
  return std::nullopt;
}

void ScriptedInterceptor::on_refused(const Origin*, std::string_view, std::string_view,
                                     const Refusal& refusal) noexcept {
  const std::lock_guard lock(mutex_);
  refused_.push_back(std::to_string(refusal.status) + " " + refusal.code + " " + refusal.message);
  changed_.notify_all();
}

std::vector<std::string> ScriptedInterceptor::passed() const {
  const std::lock_guard lock(mutex_);
  return passed_;
}

std::vector<std::string> ScriptedInterceptor::refused() const {
  const std::lock_guard lock(mutex_);
  return refused_;
}

std::vector<Outcome> ScriptedInterceptor::wait_for_outcomes(std::size_t count) const {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, std::chrono::seconds(30), [&] { return outcomes_.size() >= count; }))
    throw StreamError("only " + std::to_string(outcomes_.size()) + " exchanges ended");
  return outcomes_;
}

void ScriptedInterceptor::on_turn_end() noexcept {
  const std::lock_guard lock(mutex_);
  ended_by_turn_ = outcomes_.size();
  changed_.notify_all();
}

std::size_t ScriptedInterceptor::wait_for_turn_end_after(std::size_t count) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::seconds(30), [&] { return ended_by_turn_ >= count; });
  return ended_by_turn_;
}

std::size_t ScriptedInterceptor::outcomes() const {
  const std::lock_guard lock(mutex_);
  return outcomes_.size();
}

std::size_t ScriptedInterceptor::unfinished() const {
  const std::lock_guard lock(mutex_);
  return open_;
}

Proxy& BoundaryTest::start() {
  if (!proxy) {
    options.trust_file = pki.ca_file();
    proxy.emplace(options, interceptor);
    proxy->start();
  }
  return *proxy;
}

std::string BoundaryTest::userinfo() {
  const std::string url = start().url();
  const auto begin = url.find("//") + 2;
  return url.substr(begin, url.find('@') - begin);
}

BoundaryTest::Session::Session(BoundaryTest& test, const std::string& authority)
    : TestClient(test.start().port()), host(authority) {
  const Response answer = connect(authority, test.userinfo());
  if (answer.status != 200) throw StreamError("CONNECT was answered " + answer.head.raw + answer.body.bytes);
  start_tls(authority.substr(0, authority.rfind(':')), test.start().authority_pem());
}

std::string BoundaryTest::absolute(const std::string& line, const std::string& host,
                                   const std::string& more) {
  return line + " HTTP/1.1\r\nHost: " + host + "\r\nProxy-Authorization: " + authorization() + "\r\n" + more +
         "\r\n";
}

std::string error_code(const Response& response) {
  const std::string in_field = response.field("standin-error").value_or("");
  const auto json = nlohmann::json::parse(response.body.bytes, nullptr, false);
  if (json.is_discarded()) return in_field + " without JSON: " + response.body.bytes;
  const std::string in_body = json["error"].value("code", "");
  return in_body == in_field ? in_field : in_field + " and " + in_body;
}

std::size_t resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stoul(line.substr(6)) * 1024;
  }
  return 0;
}

}  // namespace standin::proxy::test
