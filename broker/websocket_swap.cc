#include "broker/websocket_swap.h"

namespace standin::broker {

proxy::MessageFilter websocket_swap(const BodySwapper& swapper, const proxy::Origin& origin,
                                    BodyCalls calls) {
  if (!swapper.swap_text(origin, calls)) return {};
  return [swapper, origin, calls = std::move(calls)]() -> std::unique_ptr<proxy::BodyTransform> {
    auto swap = swapper.swap_text(origin, calls);
    return std::move(swap->transform);
  };
}

}  // namespace standin::broker
