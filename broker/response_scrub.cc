#include "broker/response_scrub.h"

#include <algorithm>
#include <array>
#include <string>

#include "broker/scrubber.h"
#include "proxy/content_coding.h"
#include "proxy/decoded_body.h"

namespace standin::broker {
namespace {

bool is_any_of(std::string_view name, std::span<const std::string_view> names) noexcept {
  return std::ranges::any_of(names, [&](std::string_view one) { return proxy::same_name(one, name); });
}

/// What there is to look for; never null.
std::shared_ptr<const ScrubPatterns> patterns_for(const SentSecrets& sent, const proxy::Origin& origin) {
  auto patterns = sent.patterns(origin);
  return patterns ? patterns : std::make_shared<const ScrubPatterns>();
}

/// Looks for what was sent until the piece came.
class FollowingScrubber final : public proxy::BodyTransform {
 public:
  FollowingScrubber(const SentSecrets& sent, proxy::Origin origin)
      : sent_(sent),
        origin_(std::move(origin)),
        patterns_(patterns_for(sent_, origin_)),
        scrubber_(*patterns_) {}
  std::optional<proxy::Refusal> feed(std::string_view piece, proxy::WipingBuffer& out) override {
    if (auto now = sent_.patterns(origin_); now && now != patterns_) {
      scrubber_.look_for(*now);
      patterns_ = std::move(now);
    }
    return scrubber_.feed(piece, out);
  }
  std::optional<proxy::Refusal> finish(proxy::WipingBuffer& out) override { return scrubber_.finish(out); }

 private:
  const SentSecrets& sent_;
  proxy::Origin origin_;
  std::shared_ptr<const ScrubPatterns> patterns_;
  Scrubber scrubber_;
};

/// For a body in a coding that can't be read: nobody knows what is in it.
class Unreadable final : public proxy::BodyTransform {
 public:
  explicit Unreadable(proxy::DecodedBody::Told refused) : refused_(std::move(refused)) {}
  /// So it is asked before the first byte has come, and the head is not sent ahead of a refusal.
  [[nodiscard]] bool has_more() const noexcept override { return true; }
  std::optional<proxy::Refusal> feed(std::string_view, proxy::WipingBuffer&) override { return refuse(); }
  std::optional<proxy::Refusal> finish(proxy::WipingBuffer&) override { return refuse(); }

 private:
  [[nodiscard]] proxy::Refusal refuse() const {
    proxy::Refusal refusal{
        502, "response_unreadable", "the response is in a content coding that standin can't look into",
        "it might have the secret in it; 'standin edit NAME --no-scrub' lets such responses through"};
    if (refused_) refused_(refusal);
    return refusal;
  }
  proxy::DecodedBody::Told refused_;
};

/// All Content-Encoding fields as one list (RFC 9110 5.3).
std::string coding_list(const std::vector<proxy::Field>& fields) {
  std::string all;
  for (const proxy::Field& field : fields) {
    if (proxy::same_name(field.name, "Content-Encoding"))
      all.append(all.empty() ? "" : ",").append(field.value);
  }
  return all;
}

/// Said of the bytes as the origin sent them, which the child does not get.
void drop_untrue(std::vector<proxy::Field>& fields) {
  constexpr std::array<std::string_view, 6> of_coded_bytes{
      "Content-Encoding", "Content-MD5", "Digest", "Content-Digest", "Repr-Digest", "Accept-Ranges"};
  std::erase_if(fields, [&](const proxy::Field& field) { return is_any_of(field.name, of_coded_bytes); });
}

}  // namespace

std::unique_ptr<proxy::BodyTransform> ResponseScrub::on_response(proxy::ResponseHead& head) const {
  const auto patterns = patterns_for(sent_, origin_);
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    if (proxy::same_name(head.fields[i].name, "Set-Cookie")) continue;
    if (auto value = scrubbed(*patterns, head.fields[i].value)) head.replace_value(i, *std::move(value));
  }
  if (auto reason = scrubbed(*patterns, head.reason)) head.replace_reason(*std::move(reason));
  if (head.status < 200) return nullptr;
  auto scrubber = std::make_unique<FollowingScrubber>(sent_, origin_);
  const auto codings = proxy::read_codings(coding_list(head.fields));
  const bool is_part = head.status == 206;
  if (!codings || (is_part && !codings->empty())) return std::make_unique<Unreadable>(refused_);
  if (codings->empty()) return scrubber;
  drop_untrue(head.fields);
  return std::make_unique<proxy::DecodedBody>(*codings, std::move(scrubber), proxy::CodedIn::response,
                                              refused_);
}

std::unique_ptr<proxy::BodyTransform> ResponseScrub::on_early_response(
    const proxy::ResponseHead& head) const {
  const bool has_body = head.status >= 200 && head.status != 204 && head.status != 304;
  const bool says_length = std::ranges::any_of(
      head.fields, [](const auto& field) { return proxy::same_name(field.name, "Content-Length"); });
  if (!has_body || says_length) return nullptr;
  const auto codings = proxy::read_codings(coding_list(head.fields));
  if (!codings || !codings->empty()) return nullptr;
  return std::make_unique<FollowingScrubber>(sent_, origin_);
}

std::optional<proxy::WipingBuffer> ResponseScrub::on_trailer(const proxy::Field& trailer) const {
  return scrubbed(*patterns_for(sent_, origin_), trailer.value);
}

proxy::MessageFilter websocket_scrub(const SentSecrets& sent, const proxy::Origin& origin) {
  return [&sent, origin]() -> std::unique_ptr<proxy::BodyTransform> {
    if (!sent.patterns(origin)) return nullptr;
    return std::make_unique<FollowingScrubber>(sent, origin);
  };
}

void narrow_codings(proxy::RequestHead& head) {
  const bool asks_for_a_part =
      std::ranges::any_of(head.fields, [](const auto& f) { return proxy::same_name(f.name, "Range"); });
  if (asks_for_a_part) {
    std::erase_if(head.fields, [](const auto& f) { return proxy::same_name(f.name, "Accept-Encoding"); });
    head.fields.push_back({"Accept-Encoding", "identity"});
    return;
  }
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    if (!proxy::same_name(head.fields[i].name, "Accept-Encoding")) continue;
    const std::string narrowed = proxy::narrow_accept_encoding(head.fields[i].value);
    if (narrowed == head.fields[i].value) continue;
    proxy::WipingBuffer value;
    proxy::append(value, narrowed);
    head.replace_value(i, std::move(value));
  }
}

}  // namespace standin::broker
