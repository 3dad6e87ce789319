#pragma once

// What the fuzz targets of bodies share: a run with two credentials, and what must hold whatever comes.

#include <cstdlib>
#include <deque>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/body_swap.h"

namespace standin::fuzz {

inline void require(bool claim) {
  if (!claim) std::abort();
}

/// A credential that may be swapped and one that belongs elsewhere, with stand-ins short enough to be
/// guessed. The secret is a text that no input is likely to hold.
class Bodies {
 public:
  Bodies() {
    credential("api.example.com", {"form:a", "form:b[c]", "json:/a", "json:/b/0"}, "stand_a");
    credential("other.example", {"form:d", "json:/d"}, "stand_b");
    swapper_.emplace(bound_);
  }

  /// The body goes through whole and in the pieces that `seed` makes. What comes of it must be the same, must
  /// be the body where no use was let go, and must hold no secret that was not let go.
  void check(std::string_view content_type, std::string_view body, unsigned seed) const {
    if (body.contains(secret_text)) return;  // libFuzzer sees what it is compared with
    const Result whole = run(content_type, body, [&](std::size_t) { return body.size(); });
    const Result pieces = run(content_type, body, [&](std::size_t at) { return 1 + (seed >> at % 24 & 7); });
    require(whole.out == pieces.out && whole.code == pieces.code && whole.uses == pieces.uses);
    require(whole.code.empty() || whole.code == "wrong_origin");
    if (whole.uses == 0 && whole.code.empty()) require(whole.out == body);
    if (whole.uses != 0 && body.find_first_of("%\\") == body.npos && whole.code.empty())
      require(replaced(whole.out, secret_text, "stand_a") == body);
  }

 private:
  static constexpr std::string_view secret_text = "S-e-c-r-e-t";
  struct Result {
    std::string out;
    std::string code;
    std::size_t uses = 0;
  };

  void credential(std::string_view origin, const std::vector<std::string>& sites, std::string_view stand_in) {
    auto& made = credentials_.emplace_back();
    made.name = stand_in;
    made.origins = {proxy::OriginPattern::parse(origin)};
    for (const auto& site : sites) made.sites.push_back(broker::Site::parse(site));
    bound_.push_back({&made, stand_in});
  }

  Result run(std::string_view content_type, std::string_view body, auto&& size_at) const {
    static const auto origin = proxy::Origin::from_authority(proxy::Scheme::https, "api.example.com").value();
    Result result;
    proxy::RequestHead head;
    head.method = "POST";
    head.fields = {{"Content-Type", content_type}};
    auto swap = swapper_->swap(
        origin, head,
        {.decide = [&](std::size_t index,
                       const std::string&) -> std::variant<std::monostate, proxy::Refusal> {
           require(index == 0);
           ++result.uses;
           return std::monostate{};
         },
         .lend = [&](std::size_t) -> const vault::Secret& {
           require(result.uses != 0);
           return secret_;
         },
         .refused = [](const broker::Refused& refused) { require(refused.stands.index == 1); }});
    require(swap.has_value());
    proxy::WipingBuffer out;
    std::optional<proxy::Refusal> refusal;
    for (std::size_t at = 0; at < body.size() && !refusal;) {
      const auto piece = body.substr(at, size_at(at));
      refusal = swap->transform->feed(piece, out);
      at += piece.size();
      // Without uses nothing but the beginning of a stand-in is held.
      if (!refusal && result.uses == 0) require(out.size() <= at && at - out.size() < 128);
    }
    if (!refusal) refusal = swap->transform->finish(out);
    if (refusal) result.code = refusal->code;
    result.out = proxy::view(out);
    return result;
  }

  static std::string replaced(std::string text, std::string_view from, std::string_view to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
    return text;
  }

  std::deque<broker::Credential> credentials_;
  std::vector<broker::BoundStandIn> bound_;
  std::optional<broker::BodySwapper> swapper_;
  vault::Secret secret_ = vault::Secret::copy_of(std::as_bytes(std::span(secret_text)));
};

inline unsigned seed_of(std::string_view body) {
  unsigned seed = 1;
  for (const char c : body) seed = seed * 31 + static_cast<unsigned char>(c);
  return seed;
}

}  // namespace standin::fuzz
