#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace standin::cli {

using Time = std::chrono::system_clock::time_point;

/// "2025-06-01T12:00:00Z", RFC 3339 in UTC.
std::string rfc3339(Time time);
/// RFC 3339, with or without a fraction; nullopt for anything else.
std::optional<Time> parse_rfc3339(std::string_view text);
/// "2025-06-01 14:00:00", in the zone of $TZ or the machine.
std::string local_time(Time time);

/// "30m", "1h", "2d", "45s", "3w" before `now`; RFC 3339; or a date, its UTC midnight. Throws Error(usage).
Time parse_since(std::string_view text, Time now);

/// "now", "40s", "12m", "5h", "3d", "2y": how long ago, in the largest unit that fits.
std::string age(Time then, Time now);

}  // namespace standin::cli
