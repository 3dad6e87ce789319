#pragma once

#include "cli/output.h"

namespace standin::cli {

/// `standin demo`: the whole way, on origins of its own and with a throw-away vault, told in a dozen lines.
/// Runs the real thing: standin itself as `standin run`, with a child of its own. Fails loudly where a
/// promise does not hold. Needs no network and no account.
int demo_command(Output& out);

}  // namespace standin::cli
