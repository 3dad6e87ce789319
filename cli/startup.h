#pragma once

namespace standin::cli {

/// Puts /dev/null where 0, 1 or 2 is closed, so that no vault or log file lands on such a number and gets a
/// message written into it. Opened the wrong way round: reading a closed stdin, or writing to a closed
/// stdout, stays an error. Not for `run`, whose child gets what there is.
void occupy_standard_descriptors();

/// No core dumps, and /proc/PID/{mem,environ} closed to other processes of the user. To be called before a
/// secret is touched.
void protect_process();

}  // namespace standin::cli
