#pragma once

#include <optional>
#include <string_view>

#include "broker/scrub_patterns.h"
#include "proxy/body_transform.h"

namespace standin::broker {

/// Replaces secrets by their stand-ins in one body on its way back. Sans-IO; cheap to make, one a body.
///
/// The leftmost spelling first, of those that begin together the longest; what was put in is not looked at
/// again. A byte waits only while it and all behind it are the beginning of a spelling. Ordinary text costs
/// a fraction of a second a gibibyte; no text more than the length of the secrets a byte.
///
/// The patterns must outlive it, or what takes their place. Never refuses.
class Scrubber final : public proxy::BodyTransform {
 public:
  explicit Scrubber(const ScrubPatterns& patterns) noexcept : patterns_(&patterns) {}

  /// From now on these, among which are all that it looked for until now.
  void look_for(const ScrubPatterns& patterns) noexcept { patterns_ = &patterns; }

  std::optional<proxy::Refusal> feed(std::string_view piece, proxy::WipingBuffer& out) override;
  std::optional<proxy::Refusal> finish(proxy::WipingBuffer& out) override;

  /// How much waits.
  [[nodiscard]] std::size_t held() const noexcept { return held_.size(); }

 private:
  std::size_t take_with_held(std::string_view piece, proxy::WipingBuffer& out);

  const ScrubPatterns* patterns_;
  proxy::WipingBuffer held_;  // the beginning of a spelling, never longer than the longest
};

/// A whole text: a field's value, a reason phrase, a trailer's value. nullopt: there is nothing to replace.
[[nodiscard]] std::optional<proxy::WipingBuffer> scrubbed(const ScrubPatterns& patterns,
                                                          std::string_view text);

}  // namespace standin::broker
