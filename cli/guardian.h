#pragma once

#include <functional>

#include "cli/inheritance.h"
#include "cli/launch.h"

namespace standin::cli {

/// What the broker process of a run does: it prepares, executes the command with launch.exec(), returns what
/// is to be the run's exit status (launch.wait() says which).
using BrokerMain = std::move_only_function<int(Launch&)>;

/// Makes the processes of a run (docs/launcher.md) and returns the run's exit status, in the process that
/// called it:
///
///     guardian   this process: passes signals on, waits, and cleans up should the broker die. It holds no
///                secret: `broker_main`, with all it has captured, is destroyed here as soon as the next is
///                made
///     broker     runs `broker_main` on its main thread, and ends with what that returns
///     child      waits in the broker's Launch; has no copy of what `broker_main` captured either
///
/// `wish` says how the child is to be captured; Launch::capture() what came of it.
///
/// To be called while there is one thread, before OpenSSL, the vault or a file is touched. Neither guardian
/// nor broker dumps core or lets /proc/PID/{mem,environ} be read. An exception out of `broker_main` is
/// printed; the status is then 125. Throws Error(environment) where the processes can't be made.
int supervise(Inheritance start, CaptureWish wish, BrokerMain broker_main);

}  // namespace standin::cli
