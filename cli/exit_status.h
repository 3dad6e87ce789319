#pragma once

namespace standin::cli {

/// Exit statuses of standin itself; `run` otherwise has the child's own.
enum ExitStatus : int {
  exit_ok = 0,
  exit_failed = 1,            // a command other than run could not do it
  exit_usage = 2,             // the arguments are off (other than run)
  exit_run_failed = 125,      // run: standin itself failed
  exit_not_executable = 126,  // run: COMMAND cannot be executed
  exit_not_found = 127,       // run: COMMAND is not found
  exit_signal_base = 128,     // run: 128 + n when signal n ended the child
};

}  // namespace standin::cli
