#pragma once

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/audit_query.h"
#include "broker/broker.h"
#include "proxy/body_transform.h"
#include "tests/temporary_folder.h"

namespace standin::broker {

/// A run with a real vault and a real audit log in a folder of its own, and a small language for what its
/// child sends and what happens to the vault and the log meanwhile.
class BrokerRun : public testing::Test {
 public:
  BrokerRun();
  ~BrokerRun() override;

  // --- the vault ---
  void add(std::string_view name, std::vector<std::string> origins, std::vector<std::string> sites,
           std::string_view secret, std::vector<std::string> variables = {});
  void rotate(std::string_view name, std::string_view secret);
  void edit(std::string_view name, std::vector<std::string> origins, std::vector<std::string> sites,
            Scrubbing scrubbing = Scrubbing::strict);
  void remove(std::string_view name) { vault_->remove(name); }
  void overwrite_vault(std::string_view bytes);
  [[nodiscard]] vault::Vault open_vault() const;

  // --- the run ---
  void start(EgressMode egress = EgressMode::guarded);
  [[nodiscard]] const std::string& stand_in(std::size_t index = 0) const {
    return broker_->stand_ins()[index];
  }

  // --- a request ---
  /// What on_request() says, and the head that is sent. Texts are kept.
  BrokerRun& request(std::string_view host, std::string_view target, const std::vector<proxy::Field>& fields);
  /// With the stand-in as a bearer.
  BrokerRun& bearer(std::string_view host = "api.github.com", std::string_view target = "/");
  /// What the proxy does before it sends a request. Done by the above, unless `commits_` is taken back.
  void commit();
  /// A POST whose body comes with body().
  BrokerRun& post(std::string_view host, std::string_view target, std::string_view type);
  /// What goes on of a piece of the body: "refused: CODE" where it does not.
  std::string body(std::string_view piece);
  std::string end_body();
  /// What becomes of a text that comes back as the body of the answer, after on_response().
  std::string answer(std::string_view text, const std::vector<proxy::Field>& fields = {});
  void end(unsigned status, std::string reason = {});  // and with it the proxy's turn
  [[nodiscard]] std::string authorization() const { return field("Authorization"); }
  [[nodiscard]] std::string field(std::string_view name) const;  // as it is sent; empty: none
  [[nodiscard]] std::string code() const { return refusal_ ? refusal_->code : ""; }

  // --- the log ---
  /// "event credential site method origin path status reason", the empty ones left out, oldest first.
  [[nodiscard]] std::vector<std::string> log() const;
  [[nodiscard]] std::vector<AuditEntry> entries() const;
  void break_log();  // a file stands in the place of its folder
  void mend_log();

  [[nodiscard]] static proxy::Origin origin(std::string_view host) {
    return proxy::Origin::from_authority(proxy::Scheme::https, host).value();
  }
  static Credential scope(std::string_view name, const std::vector<std::string>& origins,
                          const std::vector<std::string>& sites);

  standin::test::TemporaryFolder root_;
  std::filesystem::path audit_folder_;
  std::optional<vault::Vault> vault_;  // the one that commands change; the broker has its own
  std::unique_ptr<AuditLog> audit_;
  std::unique_ptr<Broker> broker_;
  std::vector<std::string> reported_;
  proxy::RequestHead head_;
  std::optional<proxy::Refusal> refusal_;
  bool commits_ = true;  // at once
  std::unique_ptr<proxy::BodyTransform> body_;
  std::unique_ptr<proxy::Exchange> exchange_;
  proxy::ResponseHead response_;

 private:
  BrokerRun& ask(std::string_view method, std::string_view host, std::string_view target,
                 const std::vector<proxy::Field>& fields);
  std::deque<std::string> texts_;
};

inline BrokerRun::BrokerRun() {
  audit_folder_ = root_ / "audit";
  vault_ = vault::Vault::create(root_ / "vault", vault::KeyFile{root_ / "key" / "file"});
}

inline BrokerRun::~BrokerRun() {
  body_.reset();
  exchange_.reset();
  broker_.reset();
}

inline Credential BrokerRun::scope(std::string_view name, const std::vector<std::string>& origins,
                                   const std::vector<std::string>& sites) {
  Credential credential;
  credential.name = name;
  for (const auto& origin : origins) credential.origins.push_back(proxy::OriginPattern::parse(origin));
  for (const auto& site : sites) credential.sites.push_back(Site::parse(site));
  if (sites.empty()) credential.sites.push_back(Site{});
  return credential;
}

inline void BrokerRun::add(std::string_view name, std::vector<std::string> origins,
                           std::vector<std::string> sites, std::string_view secret,
                           std::vector<std::string> variables) {
  Credential credential = scope(name, origins, sites);
  credential.variables = std::move(variables);
  vault_->add(name, credential.to_scope(), vault::Secret::copy_of(std::as_bytes(std::span(secret))));
}

inline void BrokerRun::rotate(std::string_view name, std::string_view secret) {
  vault_->replace_secret(name, vault_->find(name)->scope,
                         vault::Secret::copy_of(std::as_bytes(std::span(secret))));
}

inline void BrokerRun::edit(std::string_view name, std::vector<std::string> origins,
                            std::vector<std::string> sites, Scrubbing scrubbing) {
  Credential credential = scope(name, origins, sites);
  credential.scrubbing = scrubbing;
  vault_->replace_scope(name, credential.to_scope());
}

inline void BrokerRun::overwrite_vault(std::string_view bytes) {
  const auto next = root_ / "next";
  std::ofstream(next, std::ios::binary) << bytes;
  std::filesystem::permissions(next, std::filesystem::perms(0600));
  std::filesystem::rename(next, root_ / "vault");
}

inline vault::Vault BrokerRun::open_vault() const {
  return vault::Vault::open(root_ / "vault", vault::KeyFile{root_ / "key" / "file"});
}

inline void BrokerRun::start(EgressMode egress) {
  vault::Vault vault = open_vault();
  audit_ = std::make_unique<AuditLog>(audit_folder_, vault.derive_key("audit"), AuditLog::new_run_id());
  BrokerOptions options;
  options.credentials = select_credentials(vault, {.with = {}, .all = true, .variables = {}}, {});
  options.egress = egress;
  options.report = [this](const proxy::Refusal& refusal) { reported_.push_back(refusal.code); };
  broker_ = std::make_unique<Broker>(std::move(options), std::move(vault), *audit_);
}

inline BrokerRun& BrokerRun::request(std::string_view host, std::string_view target,
                                     const std::vector<proxy::Field>& fields) {
  return ask("GET", host, target, fields);
}

inline BrokerRun& BrokerRun::post(std::string_view host, std::string_view target, std::string_view type) {
  return ask("POST", host, target, {{"Content-Type", type}});
}

inline BrokerRun& BrokerRun::ask(std::string_view method, std::string_view host, std::string_view target,
                                 const std::vector<proxy::Field>& fields) {
  head_.clear();
  texts_.clear();
  head_.method = method;
  head_.target = texts_.emplace_back(target);
  for (const auto& field : fields) head_.fields.push_back({field.name, texts_.emplace_back(field.value)});
  refusal_.reset();
  body_.reset();
  exchange_.reset();
  auto verdict = broker_->on_request(origin(host), head_);
  if (auto* refused = std::get_if<proxy::Refusal>(&verdict)) {
    refusal_ = *refused;
  } else {
    exchange_ = std::move(std::get<proxy::Pass>(verdict).exchange);
    body_ = std::move(std::get<proxy::Pass>(verdict).body);
    if (commits_) commit();
  }
  return *this;
}

inline void BrokerRun::commit() {
  if (!exchange_ || exchange_->recording() == proxy::Recording::done) return;
  refusal_ = exchange_->commit();
  if (refusal_) exchange_->finished({.reason = refusal_->code});
}

inline std::string BrokerRun::body(std::string_view piece) {
  proxy::WipingBuffer out;
  refusal_ = body_->feed(piece, out);
  return refusal_ ? "refused: " + refusal_->code : std::string(proxy::view(out));
}

inline std::string BrokerRun::end_body() {
  proxy::WipingBuffer out;
  refusal_ = body_->finish(out);
  return refusal_ ? "refused: " + refusal_->code : std::string(proxy::view(out));
}

inline std::string BrokerRun::answer(std::string_view text, const std::vector<proxy::Field>& fields) {
  response_.clear();
  response_.status = 200;
  for (const auto& field : fields) response_.fields.push_back({field.name, texts_.emplace_back(field.value)});
  const auto change = exchange_ ? exchange_->on_response(response_) : nullptr;
  if (!change) return std::string(text);
  proxy::WipingBuffer out;
  auto refusal = change->feed(text, out);
  if (!refusal) refusal = change->finish(out);
  return refusal ? "refused: " + refusal->code : std::string(proxy::view(out));
}

inline BrokerRun& BrokerRun::bearer(std::string_view host, std::string_view target) {
  const std::string value = "Bearer " + stand_in();
  return request(host, target, {{"Authorization", value}});
}

inline void BrokerRun::end(unsigned status, std::string reason) {
  exchange_->finished({status, 7, 11, std::chrono::microseconds(13), std::move(reason)});
  broker_->on_turn_end();
}

inline std::string BrokerRun::field(std::string_view name) const {
  for (const auto& field : head_.fields) {
    if (field.name == name) return std::string(field.value);
  }
  return "";
}

inline std::vector<AuditEntry> BrokerRun::entries() const {
  std::vector<AuditEntry> all;
  query_audit(audit_folder_, {}, [&](const AuditEntry& entry) {
    all.push_back(entry);
    return true;
  });
  return all;
}

inline std::vector<std::string> BrokerRun::log() const {
  std::vector<std::string> lines;
  for (const AuditEntry& entry : entries()) {
    std::string line = entry.event;
    const std::string status = entry.status ? std::to_string(*entry.status) : "";
    for (const auto* text : {&entry.credential, &entry.site, &entry.method, &entry.origin, &entry.path,
                             &status, &entry.reason}) {
      if (!text->empty()) line += " " + *text;
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

inline void BrokerRun::break_log() {
  std::filesystem::copy(audit_folder_, root_ / "saved", std::filesystem::copy_options::recursive);
  std::filesystem::remove_all(audit_folder_);
  std::ofstream(audit_folder_) << "in the way";
}

inline void BrokerRun::mend_log() {
  std::filesystem::remove(audit_folder_);
  std::filesystem::rename(root_ / "saved", audit_folder_);
  std::filesystem::permissions(audit_folder_, std::filesystem::perms(0700));
}

}  // namespace standin::broker
