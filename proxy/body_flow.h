#pragma once

#include <memory>

#include "proxy/body_transform.h"
#include "proxy/http1.h"

namespace standin::proxy {

/// One direction's body: pieces are read into inlet(), changed where a transform says so, and written from
/// outlet() in the framing of the other side.
class BodyFlow {
 public:
  void change_with(std::unique_ptr<BodyTransform> transform) { transform_ = std::move(transform); }
  [[nodiscard]] bool is_changed() const noexcept { return transform_ != nullptr; }

  BodyPieces& inlet() noexcept { return transform_ ? raw_ : framed_; }
  BodyPieces& outlet() noexcept { return framed_; }
  [[nodiscard]] bool ended() const noexcept { return framed_.ended(); }

  /// What was read makes more than was let go on so far: turn() again before anything else is read.
  [[nodiscard]] bool has_more() const noexcept { return transform_ && transform_->has_more(); }
  /// Changes what was read, and keeps it: all that did not go on yet.
  std::optional<Refusal> turn();
  [[nodiscard]] std::size_t kept() const noexcept { return changed_.size(); }
  /// The transform has seen the whole, and all that it made is kept.
  [[nodiscard]] bool is_finished() const noexcept { return finished_; }
  [[nodiscard]] bool has_trailers() noexcept { return !raw_.trailers().empty(); }
  /// What was kept goes to the outlet, once for each piece that is written.
  void settle();
  /// The outlet was written.
  void clear() noexcept;

 private:
  std::unique_ptr<BodyTransform> transform_;
  BodyPieces raw_{Framing::length};
  WipingBuffer changed_;
  BodyPieces framed_{Framing::none};
  bool finished_ = false;
};

}  // namespace standin::proxy
