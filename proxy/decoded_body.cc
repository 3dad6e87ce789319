#include "proxy/decoded_body.h"

#include <utility>

namespace standin::proxy {

DecodedBody::DecodedBody(std::span<const Coding> codings, std::unique_ptr<BodyTransform> then, CodedIn in,
                         Told refused)
    : then_(std::move(then)), refused_(std::move(refused)) {
  // The coding applied last is undone first.
  for (std::size_t i = codings.size(); i > 0; --i) steps_.push_back({make_decoder(codings[i - 1], in), {}});
}

std::optional<Refusal> DecodedBody::feed(std::string_view piece, WipingBuffer& out) {
  const std::size_t before = out.size();
  if (!piece.empty()) {
    if (auto refusal = push(0, piece, out)) return refusal;
  }
  while (out.size() - before < most_at_once) {
    const std::size_t step = last_with_more();
    if (step == steps_.size()) break;
    if (auto refusal = push(step, {}, out)) return refusal;
  }
  return std::nullopt;
}

std::optional<Refusal> DecodedBody::push(std::size_t step, std::string_view piece, WipingBuffer& out) {
  for (; step < steps_.size(); ++step) {
    WipingBuffer& decoded = steps_[step].decoded;
    decoded.clear();
    if (auto refusal = steps_[step].decoder->feed(piece, decoded)) return refuse(std::move(refusal));
    if (decoded.empty()) return std::nullopt;
    piece = view(decoded);
  }
  return then_->feed(piece, out);
}

std::optional<Refusal> DecodedBody::finish(WipingBuffer& out) {
  for (Step& step : steps_) {
    if (auto refusal = step.decoder->finish(out)) return refuse(std::move(refusal));
  }
  return then_->finish(out);
}

std::optional<Refusal> DecodedBody::refuse(std::optional<Refusal> refusal) const {
  if (refused_) refused_(*refusal);
  return refusal;
}

bool DecodedBody::has_more() const noexcept { return last_with_more() != steps_.size(); }

std::size_t DecodedBody::last_with_more() const noexcept {
  std::size_t step = steps_.size();
  while (step > 0 && !steps_[step - 1].decoder->has_more()) --step;
  return step > 0 ? step - 1 : steps_.size();
}

}  // namespace standin::proxy
