#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/body_swap.h"

namespace standin::broker {

/// A small language for tests of bodies: credentials, then a body in pieces.
///
///     BodyPlay play;
///     play.credential("github", "api.github.com", {"form:token"}, "ghp_standin1", "real");
///     EXPECT_EQ(play.form("token=ghp_standin1"), "token=real");
///
/// What is asked for by a body of a kind is tried whole and cut in two at every byte: the same must come out.
class BodyPlay {
 public:
  BodyPlay& credential(std::string name, std::string_view origin, const std::vector<std::string>& sites,
                       std::string stand_in, std::string_view secret) {
    auto& credential = credentials_.emplace_back();
    credential.name = std::move(name);
    credential.origins = {proxy::OriginPattern::parse(origin)};
    for (const std::string& site : sites) credential.sites.push_back(Site::parse(site));
    stand_ins_.push_back(std::move(stand_in));
    secrets_.push_back(vault::Secret::copy_of(std::as_bytes(std::span(secret))));
    bound_.push_back({&credential, stand_ins_.back()});
    swapper_ = std::make_unique<BodySwapper>(bound_);
    return *this;
  }

  std::string form(std::string_view body) { return at_every_cut(urlencoded, body); }
  std::string json(std::string_view body) { return at_every_cut("application/json", body); }
  /// Lines are written with \n, and "--B" is the boundary.
  std::string multipart(std::string_view body) {
    std::string out = at_every_cut("multipart/form-data; boundary=B", with_carriage_returns(body));
    std::erase(out, '\r');
    return out;
  }

  std::string at_every_cut(std::string_view type, std::string_view body) {
    const std::string whole = send(type, {body});
    const auto whole_uses = uses;
    for (std::size_t cut = 1; cut < body.size(); ++cut) {
      EXPECT_EQ(send(type, {body.substr(0, cut), body.substr(cut)}), whole) << "cut at " << cut;
      EXPECT_EQ(uses, whole_uses) << "cut at " << cut;
    }
    std::vector<std::string_view> bytes;
    for (std::size_t i = 0; i < body.size(); ++i) bytes.push_back(body.substr(i, 1));
    EXPECT_EQ(send(type, bytes), whole) << "byte by byte";
    return whole;
  }

  /// What the origin gets, or "refused: CODE" (and what it has got until then in `sent`).
  std::string send(std::string_view type, const std::vector<std::string_view>& pieces) {
    auto swap = make(type);
    if (!swap) {
      std::string out;
      for (const std::string_view piece : pieces) out += piece;
      return out;
    }
    return run(*swap->transform, pieces);
  }

  std::string run(proxy::BodyTransform& transform, const std::vector<std::string_view>& pieces) {
    forget_uses();
    refusals.clear();
    sent.clear();
    most_held = 0;
    std::size_t given = 0;
    for (const std::string_view piece : pieces) {
      if (const auto refusal = transform.feed(piece, sent)) return "refused: " + refusal->code;
      given += piece.size();
      if (given > sent.size()) most_held = std::max(most_held, given - sent.size());
    }
    if (const auto refusal = transform.finish(sent)) return "refused: " + refusal->code;
    return std::string(proxy::view(sent));
  }

  std::optional<BodySwap> make(std::string_view type) {
    proxy::RequestHead head;
    head.method = method;
    head.fields = fields;
    if (!type.empty()) head.fields.push_back({"content-type", type});
    return swapper_->swap(origin(), head, calls());
  }
  std::optional<BodySwap> make_text() { return swapper_->swap_text(origin(), calls()); }

  void forget_uses() {
    uses.clear();
    allowed_.clear();
  }
  [[nodiscard]] const BodySwapper& swapper() const { return *swapper_; }
  [[nodiscard]] proxy::Origin origin() const {
    return proxy::Origin::from_authority(proxy::Scheme::https, host).value();
  }

  /// Fails the test where a secret is asked for before its use was let go.
  BodyCalls calls() {
    return {.decide = [this](std::size_t index,
                             const std::string& site) -> std::variant<std::monostate, proxy::Refusal> {
              if (uses.empty() || uses.back() != site) uses.push_back(site);
              if (veto) return *veto;
              allowed_.insert(index);
              return std::monostate{};
            },
            .lend = [this](std::size_t index) -> const vault::Secret& {
              EXPECT_TRUE(allowed_.contains(index)) << "secret " << index << " asked for before its use";
              return secrets_[index];
            },
            .refused = [this](const Refused& refused) { refusals.push_back(refused); }};
  }

  static std::string with_carriage_returns(std::string_view text) {
    std::string out;
    for (const char c : text) out.append(c == '\n' ? "\r\n" : std::string(1, c));
    return out;
  }

  static constexpr std::string_view urlencoded = "application/x-www-form-urlencoded";
  std::string_view host = "api.github.com";  // of the requests to come
  std::string_view method = "POST";
  std::vector<proxy::Field> fields;
  std::optional<proxy::Refusal> veto;  // what `decide` says

  std::vector<std::string> uses;  // sites, in order; a repetition of the last is not told
  std::vector<Refused> refusals;
  proxy::WipingBuffer sent;
  std::size_t most_held = 0;

 private:
  std::deque<Credential> credentials_;
  std::deque<std::string> stand_ins_;
  std::vector<vault::Secret> secrets_;
  std::vector<BoundStandIn> bound_;
  std::unique_ptr<BodySwapper> swapper_;
  std::set<std::size_t> allowed_;
};

inline constexpr std::string_view body_token = "ghp_standinAbC123xyz";

/// GitHub's credential alone, whose stand-in is `body_token`.
inline BodyPlay github_body(const std::vector<std::string>& sites, std::string_view secret = "real") {
  BodyPlay play;
  play.credential("github", "api.github.com", sites, std::string(body_token), secret);
  return play;
}

/// `text` with each '@' a stand-in.
inline std::string with_token(std::string_view text) {
  std::string out;
  for (const char c : text) out.append(c == '@' ? body_token : std::string_view(&c, 1));
  return out;
}

}  // namespace standin::broker
