#include "cli/audit_view.h"

#include <array>
#include <cstdio>

#include "cli/messages.h"
#include "cli/output.h"
#include "cli/times.h"

namespace standin::cli {
namespace {

using broker::AuditEntry;

constexpr std::size_t time_width = 19, event_width = 18, credential_width = 12, status_width = 8,
                      duration_width = 9;
constexpr std::string_view gap = "  ";

std::string spaces_for(std::string_view text, std::size_t width) {
  const std::size_t shown = display_width(text);
  return std::string(shown < width ? width - shown : 0, ' ');
}
std::string left(const std::string& text, std::size_t width) { return text + spaces_for(text, width); }
std::string right(const std::string& text, std::size_t width) { return spaces_for(text, width) + text; }

std::string columns(const std::array<std::string, 6>& texts) {
  std::string line = left(texts[0], time_width);
  line.append(gap).append(left(texts[1], event_width));
  line.append(gap).append(left(texts[2], credential_width));
  line.append(gap).append(right(texts[3], status_width));
  line.append(gap).append(right(texts[4], duration_width));
  line.append(gap).append(texts[5]);
  return line.erase(line.find_last_not_of(' ') + 1);
}

std::string duration_text(std::uint64_t microseconds) {
  std::array<char, 32> text{};
  const double milliseconds = static_cast<double>(microseconds) / 1000;
  const bool long_one = milliseconds >= 10'000;
  std::snprintf(text.data(), text.size(), long_one ? "%.1f s" : "%.1f ms",
                long_one ? milliseconds / 1000 : milliseconds);
  return text.data();
}

/// A run's end has the command's exit status, which is no HTTP status: 404 there would be a lie.
std::string status_text(const AuditEntry& entry) {
  if (!entry.status) return {};
  return (entry.event == "run_ended" ? "exit " : "") + std::to_string(*entry.status);
}

/// The whole target where a client sent one ("http://a.example/x", "a.example:443") says the origin again.
std::string request_text(const AuditEntry& entry) {
  std::string text = entry.method + (entry.method.empty() ? "" : " ");
  if (entry.path.starts_with(entry.origin)) return text + entry.path;
  text += entry.origin;
  return entry.path.starts_with('/') || entry.path.starts_with('?') || entry.origin.empty()
             ? text + entry.path
             : text;
}

/// What it was about, and at the end why.
std::string details(const AuditEntry& entry) {
  std::string text;
  const auto add = [&text](const std::string& part) {
    if (!part.empty()) text.append(text.empty() ? "" : gap).append(printable(part));
  };
  const bool of_run = entry.event.starts_with("run_");
  add(request_text(entry));
  if (entry.event != "use_done") add(entry.site);  // its `use` has said it
  if (of_run || entry.event == "change_failed") add(entry.command);
  if (of_run) add("run " + entry.run);
  if (entry.reason != "capture_kernel") add(entry.reason);  // as it should be
  return text;
}

std::string_view colour_of(const AuditEntry& entry) {
  if (entry.event == "refused" || entry.event == "change_failed") return "\x1b[31m";
  if (entry.event == "use_done" && (!entry.status || *entry.status >= 400)) return "\x1b[33m";
  if (entry.event == "use_done" || entry.event.starts_with("credential_")) return "";
  return "\x1b[2m";
}

std::string painted(std::string_view code, const std::string& text, Colour colour) {
  return colour == Colour::no || code.empty() ? text : std::string(code) + text + "\x1b[0m";
}

}  // namespace

std::string audit_heading(Colour colour) {
  return painted("\x1b[1m", columns({"TIME", "EVENT", "CREDENTIAL", "STATUS", "TOOK", "WHAT"}), colour);
}

std::string audit_line(const AuditEntry& entry, Colour colour) {
  const auto time = parse_rfc3339(entry.time);
  return painted(colour_of(entry),
                 columns({time ? local_time(*time) : printable(entry.time, 32), printable(entry.event, 32),
                          printable(entry.credential, 100), status_text(entry),
                          entry.duration_us ? duration_text(*entry.duration_us) : "", details(entry)}),
                 colour);
}

}  // namespace standin::cli
