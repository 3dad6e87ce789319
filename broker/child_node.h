#pragma once

#include "broker/child_environment.h"

namespace standin::broker {

/// Makes every Node of the child require `node_preload.cjs`, which is written (0600) into the run's folder:
/// the module that leads http, https and fetch through HTTPS_PROXY. Appended to NODE_OPTIONS. Throws
/// Error(io).
void set_node_preload(Environment& child, const RunFacts& facts);

}  // namespace standin::broker
