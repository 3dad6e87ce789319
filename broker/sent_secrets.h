#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "broker/scrub_patterns.h"
#include "proxy/origin.h"
#include "vault/secret.h"

namespace standin::broker {

/// Which secrets of this run each origin has been sent: what to look for in all that it sends back, in the
/// answer to that request or to any later one. A secret that was replaced since (rotate) is looked for still.
///
/// Thread: one at a time. Patterns that were handed out outlive a change.
class SentSecrets {
 public:
  /// `version` is another one where the secret of a stand-in may be. Costs nothing where it is the last.
  void note(const proxy::Origin& origin, std::size_t index, std::uint64_t version,
            const vault::Secret& secret, std::string_view stand_in);

  /// Null where nothing that can be looked for was sent there.
  [[nodiscard]] std::shared_ptr<const ScrubPatterns> patterns(const proxy::Origin& origin) const;

 private:
  struct Sent {
    std::size_t index;
    std::uint64_t version;  // the last
  };
  struct ToOrigin {
    proxy::Origin origin;
    std::vector<Sent> sent;
    std::shared_ptr<const ScrubPatterns> patterns;
  };
  std::vector<ToOrigin> origins_;  // a run has few
};

}  // namespace standin::broker
