#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/injector.h"
#include "tests/http_wire.h"

namespace standin::broker {

/// A small language for tests of the injector: credentials, then requests.
///
///     Playbook play;
///     play.credential("github", "api.github.com", {}, "ghp_standin1", "real");
///     play.request("/", {{"Authorization", "Bearer ghp_standin1"}});
///     EXPECT_EQ(play.field("Authorization"), "Bearer real");
class Playbook {
 public:
  Playbook& credential(std::string name, std::string_view origin, std::vector<Site> sites,
                       std::string stand_in, std::string_view secret) {
    if (sites.empty()) sites = {Site{}};
    auto& credential = credentials_.emplace_back();
    credential.name = std::move(name);
    credential.origins = {proxy::OriginPattern::parse(origin)};
    credential.sites = std::move(sites);
    stand_ins_.push_back(std::move(stand_in));
    secrets_.push_back(vault::Secret::copy_of(std::as_bytes(std::span(secret))));
    bound_.push_back({&credential, stand_ins_.back()});
    injector_ = std::make_unique<Injector>(bound_);
    return *this;
  }

  /// Judges the request and, where it is let through, swaps. Keeps copies of the texts.
  Playbook& request(std::string_view target, const std::vector<proxy::Field>& fields,
                    std::string_view host = "api.github.com") {
    head.clear();
    texts_.clear();
    head.method = method;
    head.target = texts_.emplace_back(target);
    for (const proxy::Field& field : fields) {
      head.fields.push_back({texts_.emplace_back(field.name), texts_.emplace_back(field.value)});
    }
    refusal.reset();
    found = {};
    lent.clear();
    auto judgement =
        injector_->judge(proxy::Origin::from_authority(proxy::Scheme::https, host).value(), head);
    if (auto* refused = std::get_if<Refused>(&judgement)) {
      refusal = refused->refusal;
      return *this;
    }
    found = std::get<Found>(std::move(judgement));
    auto refused = injector_->inject(head, found, [this](std::size_t index) -> const vault::Secret& {
      lent.push_back(index);
      return secrets_[index];
    });
    if (refused) refusal = refused->refusal;
    return *this;
  }

  [[nodiscard]] std::string field(std::string_view name) const {
    for (const auto& field : head.fields) {
      if (proxy::same_name(field.name, name)) return std::string(field.value);
    }
    return "no such field";
  }
  [[nodiscard]] std::vector<std::string> sites() const {
    std::vector<std::string> sites;
    for (const Use& use : found.uses) sites.push_back(use.site);
    return sites;
  }
  [[nodiscard]] std::string code() const { return refusal ? refusal->code : ""; }
  [[nodiscard]] const Injector& injector() const { return *injector_; }

  std::string_view method = "GET";  // of the requests to come
  proxy::RequestHead head;
  Found found;
  std::optional<proxy::Refusal> refusal;
  std::vector<std::size_t> lent;

 private:
  std::deque<std::string> texts_;
  std::deque<Credential> credentials_;
  std::deque<std::string> stand_ins_;
  std::vector<vault::Secret> secrets_;
  std::vector<BoundStandIn> bound_;
  std::unique_ptr<Injector> injector_;
};

inline Site header_site(std::string name) { return {Site::Kind::header, std::move(name)}; }
inline Site query_site(std::string name) { return {Site::Kind::query, std::move(name)}; }
inline Site basic_site() { return {Site::Kind::basic, {}}; }
inline Site basic_form_site() { return {Site::Kind::basic_form, {}}; }
inline Site path_site() { return {Site::Kind::path, {}}; }

/// Base64 as any client writes it, by a second implementation (OpenSSL's).
using standin::test::base64;

inline constexpr const char* token = "ghp_standinAbC123xyz";

/// GitHub's credential alone, whose stand-in is `token`.
inline Playbook github(std::string_view secret = "real", std::vector<Site> sites = {}) {
  Playbook play;
  play.credential("github", "api.github.com", std::move(sites), token, secret);
  return play;
}

inline std::string user_pass(const Playbook& play) {
  const auto basic = decode_basic(play.field("Authorization"));
  return basic ? std::string(proxy::view(basic->user_pass)) : "not basic";
}

}  // namespace standin::broker
