#include "proxy/body_flow.h"

namespace standin::proxy {

std::optional<Refusal> BodyFlow::turn() {
  if (!transform_ || finished_) return std::nullopt;
  const std::string_view piece = raw_.bytes();
  std::optional<Refusal> refusal;
  if (!piece.empty() || transform_->has_more()) refusal = transform_->feed(piece, changed_);
  raw_.clear();
  if (!refusal && raw_.ended() && !transform_->has_more()) {
    finished_ = true;
    refusal = transform_->finish(changed_);
  }
  return refusal;
}

void BodyFlow::settle() {
  if (!transform_) return;
  framed_.add(view(changed_));
  if (!finished_ || framed_.ended()) return;
  framed_.trailers() = std::move(raw_.trailers());
  framed_.finish();
}

void BodyFlow::clear() noexcept {
  framed_.clear();
  raw_.clear();
  changed_.clear();
}

}  // namespace standin::proxy
