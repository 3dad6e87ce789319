#pragma once

namespace standin::cli {

/// `standin demo`: the whole way on an embedded origin with a throw-away vault. Returns the exit status.
int demo_command();

}  // namespace standin::cli
