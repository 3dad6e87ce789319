#pragma once

#include <optional>
#include <string_view>

#include "proxy/interceptor.h"
#include "proxy/wiping_allocator.h"

namespace standin::proxy {

/// A message's content (RFC 9110 6.4) that is changed on its way, piece by piece, of any size. In whatever
/// pieces the same bytes come, what goes on is the same. Owned by one exchange; called from the proxy's
/// thread; sans-IO.
///
/// Holds back no byte but what cannot be judged yet (it may begin what is to be replaced): an event that ends
/// with the piece leaves with it. Its memory is bounded, whatever comes.
class BodyTransform {
 public:
  virtual ~BodyTransform() = default;

  /// Takes the next piece and appends to `out` what may go on now. A refusal ends the message: nothing more
  /// is given. It is for whoever made the transform to record: on_refused() does not tell of it again.
  virtual std::optional<Refusal> feed(std::string_view piece, WipingBuffer& out) = 0;
  /// feed() stopped where it had made enough of the piece: call it again, with an empty one, when what it
  /// appended is away. No new piece, and no finish(), before that is over.
  [[nodiscard]] virtual bool has_more() const noexcept { return false; }
  /// The content is whole: appends what was held back. Called once, last.
  virtual std::optional<Refusal> finish(WipingBuffer& out) = 0;
};

}  // namespace standin::proxy
