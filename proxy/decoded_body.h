#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "proxy/content_coding.h"

namespace standin::proxy {

/// A body whose codings are undone, one after the other, and that then goes through one more transform, which
/// sees it as it was before it was coded. Piecewise: between the steps there are never more than
/// `most_at_once` bytes, however much a body becomes.
class DecodedBody final : public ExpandingTransform {
 public:
  using Told = std::function<void(const Refusal&)>;

  /// `codings` as read_codings() gives them; none is allowed. `refused` is told, before the exchange is, of
  /// what is in no such coding: what `then` refuses is for `then` to tell.
  DecodedBody(std::span<const Coding> codings, std::unique_ptr<BodyTransform> then,
              CodedIn in = CodedIn::response, Told refused = {});

  std::optional<Refusal> feed(std::string_view piece, WipingBuffer& out) override;
  std::optional<Refusal> finish(WipingBuffer& out) override;
  [[nodiscard]] bool has_more() const noexcept override;

 private:
  struct Step {
    std::unique_ptr<ExpandingTransform> decoder;
    WipingBuffer decoded;  // on its way to the next step
  };
  std::optional<Refusal> refuse(std::optional<Refusal> refusal) const;
  std::optional<Refusal> push(std::size_t step, std::string_view piece, WipingBuffer& out);
  /// The last step that has more, or the number of steps. The last, so that no step is fed that still has.
  [[nodiscard]] std::size_t last_with_more() const noexcept;

  std::vector<Step> steps_;
  std::unique_ptr<BodyTransform> then_;
  Told refused_;
};

}  // namespace standin::proxy
