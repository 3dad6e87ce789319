#include "cli/times.h"

#include <time.h>

#include <array>
#include <charconv>

#include "cli/error.h"
#include "cli/messages.h"

namespace standin::cli {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

struct Unit {
  char letter;
  seconds length;
};
constexpr std::array units{Unit{'s', 1s}, Unit{'m', 1min}, Unit{'h', 1h}, Unit{'d', 24h}, Unit{'w', 7 * 24h}};

std::optional<unsigned> digits(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string formatted(const tm& parts, const char* format) {
  std::array<char, 40> text{};
  return {text.data(), ::strftime(text.data(), text.size(), format, &parts)};
}

/// What follows the seconds: ".123456" left aside, then "Z" or "+02:00".
std::optional<seconds> zone_offset(std::string_view rest) {
  if (rest.starts_with('.')) {
    const auto end = rest.find_first_not_of("0123456789", 1);
    if (end == 1 || end == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(end);
  }
  if (rest == "Z" || rest == "z") return 0s;
  if (rest.size() != 6 || (rest[0] != '+' && rest[0] != '-') || rest[3] != ':') return std::nullopt;
  const auto hours = digits(rest.substr(1, 2));
  const auto minutes = digits(rest.substr(4, 2));
  if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const seconds offset = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
  return rest[0] == '+' ? offset : -offset;
}

/// The rest of the text after the time, where it begins with one.
std::optional<std::pair<Time, std::string_view>> parse_utc(std::string_view text, const char* format) {
  const std::string terminated(text.substr(0, 64));
  tm parts{};
  const char* end = ::strptime(terminated.c_str(), format, &parts);
  if (end == nullptr || text.size() > terminated.size()) return std::nullopt;
  return std::pair{std::chrono::system_clock::from_time_t(::timegm(&parts)),
                   text.substr(static_cast<std::size_t>(end - terminated.c_str()))};
}

}  // namespace

std::string rfc3339(Time time) {
  const time_t seconds_since = std::chrono::system_clock::to_time_t(time);
  tm parts{};
  ::gmtime_r(&seconds_since, &parts);
  return formatted(parts, "%Y-%m-%dT%H:%M:%SZ");
}

std::optional<Time> parse_rfc3339(std::string_view text) {
  const auto parsed = parse_utc(text, "%Y-%m-%dT%H:%M:%S");
  if (!parsed) return std::nullopt;
  const auto offset = zone_offset(parsed->second);
  if (!offset) return std::nullopt;
  return parsed->first - *offset;
}

std::string local_time(Time time) {
  const time_t seconds_since = std::chrono::system_clock::to_time_t(time);
  tm parts{};
  ::localtime_r(&seconds_since, &parts);
  return formatted(parts, "%Y-%m-%d %H:%M:%S");
}

Time parse_since(std::string_view text, Time now) {
  for (const Unit& unit : units) {
    if (text.empty() || text.back() != unit.letter) continue;
    // Bounded, so that no count overflows the clock: 100,000 weeks are long enough.
    if (const auto count = digits(text.substr(0, text.size() - 1)); count && *count <= 100'000) {
      return now - *count * unit.length;
    }
  }
  if (const auto time = parse_rfc3339(text)) return *time;
  if (const auto day = parse_utc(text, "%Y-%m-%d"); day && day->second.empty()) return day->first;
  throw Error(Error::Kind::usage,
              "--since takes 30m, 1h, 2d or a time as 2025-06-01T12:00:00Z, not " + in_quotes(text));
}

std::string age(Time then, Time now) {
  const auto ago = std::chrono::duration_cast<seconds>(now - then);
  const auto text = [&](seconds unit, char letter) { return std::to_string(ago / unit) + letter; };
  if (ago < 1s) return "now";
  if (ago < 1min) return text(1s, 's');
  if (ago < 1h) return text(1min, 'm');
  if (ago < 48h) return text(1h, 'h');
  if (ago < 2 * 365 * 24h) return text(24h, 'd');
  return text(365 * 24h, 'y');
}

}  // namespace standin::cli
