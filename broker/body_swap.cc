#include "broker/body_swap.h"

#include <algorithm>

#include "broker/form_swap.h"
#include "broker/header_parameters.h"
#include "broker/json_swap.h"
#include "broker/multipart_swap.h"
#include "proxy/content_coding.h"
#include "proxy/decoded_body.h"

namespace standin::broker {
namespace {

/// The value of a field that is there once.
std::optional<std::string_view> only(const proxy::RequestHead& head, std::string_view name) {
  std::optional<std::string_view> value;
  for (const proxy::Field& field : head.fields) {
    if (!proxy::same_name(field.name, name)) continue;
    if (value) return std::nullopt;
    value = field.value;
  }
  return value;
}

/// nullopt: not all of them can be undone.
std::optional<std::vector<proxy::Coding>> codings_of(const proxy::RequestHead& head) {
  std::string all;  // as one list (RFC 9110 5.3)
  for (const proxy::Field& field : head.fields) {
    if (proxy::same_name(field.name, "Content-Encoding"))
      all.append(all.empty() ? "" : ",").append(field.value);
  }
  return proxy::read_codings(all);
}

/// RFC 2046 5.1.1.
bool is_boundary(std::string_view text) noexcept {
  const auto is_allowed = [](char c) {
    return proxy::is_alnum(c) || std::string_view("'()+_,-./:=? ").contains(c);
  };
  return !text.empty() && text.size() <= 70 && !text.ends_with(' ') && std::ranges::all_of(text, is_allowed);
}

bool is_json(std::string_view type) noexcept {
  return type == "application/json" || (type.find('/') != type.npos && type.ends_with("+json"));
}

/// A text message's whole is the place.
class TextSwap final : public proxy::BodyTransform {
 public:
  explicit TextSwap(ValueSwap value) : value_(std::move(value)) { value_.begin(0); }
  std::optional<proxy::Refusal> feed(std::string_view piece, proxy::WipingBuffer& out) override {
    return value_.feed(piece, out);
  }
  std::optional<proxy::Refusal> finish(proxy::WipingBuffer& out) override { return value_.end(out); }

 private:
  ValueSwap value_;
};

/// Makes the transforms of one request.
class Maker {
 public:
  Maker(const std::shared_ptr<const BodyScope>& scope, const proxy::Origin& origin, BodyCalls calls)
      : scope_(scope), origin_(origin), calls_(std::move(calls)) {}

  std::optional<BodySwap> form() {
    if (scope_->form.names.empty()) return std::nullopt;
    return made<FormSwap>(scope_->form,
                          value(scope_->form, {Site::Kind::form, Escapes::percent, Grammar::query, {}}));
  }
  std::optional<BodySwap> multipart(const std::string* boundary) {
    if (scope_->form.names.empty() || boundary == nullptr || !is_boundary(*boundary)) return std::nullopt;
    return made<MultipartSwap>(
        scope_->form, value(scope_->form, {Site::Kind::form, Escapes::none, Grammar::part, "--" + *boundary}),
        *boundary);
  }
  std::optional<BodySwap> json() {
    if (scope_->json.names.empty()) return std::nullopt;
    return made<JsonSwap>(scope_->json,
                          value(scope_->json, {Site::Kind::json, Escapes::json, Grammar::json, {}}));
  }
  std::optional<BodySwap> text() {
    if (scope_->text.names.empty()) return std::nullopt;
    return made<TextSwap>(scope_->text,
                          value(scope_->text, {Site::Kind::ws_text, Escapes::json, Grammar::text, {}}));
  }

 private:
  ValueSwap value(const BodySites& sites, BodyGrammar grammar) {
    return {scope_, sites, std::move(grammar), origin_, std::move(calls_)};
  }
  template <class Transform, class... Arguments>
  BodySwap made(const BodySites& sites, Arguments&&... arguments) {
    using Length = BodySwap::Length;
    return {std::make_unique<Transform>(std::forward<Arguments>(arguments)...),
            scope_->any_bound(sites, origin_) ? Length::may_change : Length::kept};
  }

  const std::shared_ptr<const BodyScope>& scope_;
  const proxy::Origin& origin_;
  BodyCalls calls_;
};

}  // namespace

BodySwapper::BodySwapper(std::span<const BoundStandIn> stand_ins)
    : scope_(std::make_shared<const BodyScope>(stand_ins)) {}

bool BodySwapper::has_sites() const noexcept {
  return !scope_->form.names.empty() || !scope_->json.names.empty();
}

std::optional<BodySwap> BodySwapper::swap(const proxy::Origin& origin, const proxy::RequestHead& head,
                                          BodyCalls calls) const {
  if (!has_sites() || is_echoed(head.method)) return std::nullopt;
  const auto codings = codings_of(head);
  if (!codings) return std::nullopt;
  auto unreadable = calls.unreadable;
  auto swap = swap_plain(origin, head, std::move(calls));
  if (!swap || codings->empty()) return swap;
  swap->transform = std::make_unique<proxy::DecodedBody>(*codings, std::move(swap->transform),
                                                         proxy::CodedIn::request, std::move(unreadable));
  swap->length = BodySwap::Length::may_change;
  swap->codings = BodySwap::Codings::undone;
  return swap;
}

std::optional<BodySwap> BodySwapper::swap_plain(const proxy::Origin& origin, const proxy::RequestHead& head,
                                                BodyCalls calls) const {
  const auto content_type = only(head, "Content-Type");
  const auto type = content_type ? parse_parameters(*content_type) : std::nullopt;
  if (!type) return std::nullopt;
  Maker maker(scope_, origin, std::move(calls));
  if (type->first == "application/x-www-form-urlencoded") return maker.form();
  if (type->first == "multipart/form-data") return maker.multipart(type->find("boundary"));
  if (is_json(type->first)) return maker.json();
  return std::nullopt;
}

std::optional<BodySwap> BodySwapper::swap_text(const proxy::Origin& origin, BodyCalls calls) const {
  return Maker(scope_, origin, std::move(calls)).text();
}

}  // namespace standin::broker
