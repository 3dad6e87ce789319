// Writing a line: the hot path of every request, so numbers and plain text are put down directly. Text that
// needs any escape goes through the JSON library.
#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "broker/audit_line.h"

namespace standin::broker::audit {

namespace {

void put_digits(std::string& out, unsigned value, std::size_t width) {
  out.append(width, '0');
  for (auto digit = out.rbegin(); width > 0; --width, ++digit, value /= 10) {
    *digit = static_cast<char>('0' + value % 10);
  }
}

void put_number(std::string& out, std::uint64_t value) {
  std::array<char, 20> digits;
  const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  out.append(digits.data(), result.ptr);
}

/// By byte: printable ASCII, but for the quote and the backslash.
constexpr auto plain_bytes = [] {
  std::array<bool, 256> plain{};
  for (unsigned char c = 0x20; c < 0x7f; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

bool needs_no_escape(char c) noexcept { return plain_bytes[static_cast<unsigned char>(c)]; }

/// Puts down text that needs no escape but that of `removed`, which stands in every path with a query. False,
/// and nothing is put down, where it is other text.
bool put_plain(std::string& out, std::string_view text) {
  constexpr std::string_view removed = "…";
  const auto before = out.size();
  out += '"';
  for (;;) {
    const auto plain =
        static_cast<std::size_t>(std::ranges::find_if_not(text, needs_no_escape) - text.begin());
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (!text.starts_with(removed)) break;
    out.append(R"(\u2026)");
    text.remove_prefix(removed.size());
  }
  if (text.empty()) {
    out += '"';
    return true;
  }
  out.resize(before);
  return false;
}

/// All of it in ASCII: no terminal, editor or line reader sees U+2028, a C1 control or a bidi override.
void put_string(std::string& out, std::string_view text) {
  if (put_plain(out, text)) return;
  out += nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

void put_field(std::string& out, std::string_view name, std::string_view text) {
  if (text.empty()) return;
  out.append(",\"").append(name).append("\":");
  put_string(out, text);
}

void put_field(std::string& out, std::string_view name, std::optional<std::uint64_t> number) {
  if (!number) return;
  out.append(",\"").append(name).append("\":");
  put_number(out, *number);
}

std::optional<std::uint64_t> count_of(const std::optional<std::chrono::microseconds>& duration) {
  if (!duration) return std::nullopt;
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, duration->count()));
}

void put_subject(std::string& out, const AuditRecord& record) {
  put_field(out, "credential", record.credential);
  put_field(out, "site", record.site);
  put_field(out, "method", record.method);
  put_field(out, "origin", record.origin);
  put_field(out, "path", record.path);
}

void put_record(std::string& out, const AuditRecord& record) {
  put_field(out, "command", record.command);
  if (record.subject.empty()) put_subject(out, record);
  out.append(record.subject);
  put_field(out, "status", record.status);
  put_field(out, "bytes", record.bytes);
  put_field(out, "request_bytes", record.request_bytes);
  put_field(out, "duration_us", count_of(record.duration));
  put_field(out, "reason", record.reason);
  put_field(out, "of", record.of);
}

}  // namespace

std::string format_time(Time time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::string text;
  text.reserve(time_length);
  put_digits(text, static_cast<unsigned>(std::clamp(static_cast<int>(date.year()), 0, 9999)), 4);
  put_digits(text += '-', static_cast<unsigned>(date.month()), 2);
  put_digits(text += '-', static_cast<unsigned>(date.day()), 2);
  put_digits(text += 'T', static_cast<unsigned>(clock.hours().count()), 2);
  put_digits(text += ':', static_cast<unsigned>(clock.minutes().count()), 2);
  put_digits(text += ':', static_cast<unsigned>(clock.seconds().count()), 2);
  put_digits(text += '.', static_cast<unsigned>(clock.subseconds().count()), 6);
  return text += 'Z';
}

std::string_view TimeText::of(Time time) {
  constexpr std::size_t to_seconds = 20;  // 2026-03-01T09:15:00.
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  if (text_.empty() || second != second_) {
    text_ = format_time(time);
    second_ = second;
  } else {
    text_.resize(to_seconds);
    put_digits(text_, static_cast<unsigned>((time - second).count()), 6);
    text_ += 'Z';
  }
  return text_;
}

std::string day_of(Time time) { return format_time(time).substr(0, day_length); }

std::optional<std::string> day_of_run(std::string_view run) {
  std::uint32_t second = 0;
  if (!is_run_id(run)) return std::nullopt;
  std::from_chars(run.data(), run.data() + 8, second, 16);
  return day_of(Time(std::chrono::seconds(second)));
}

std::string identity_fields(std::string_view user, std::int64_t pid) {
  std::string fields;
  put_field(fields, "user", user);
  put_field(fields, "pid", static_cast<std::uint64_t>(pid));
  return fields;
}

std::string subject_fields(const AuditRecord& record) {
  constexpr std::size_t names = 64;  // and their quotes
  std::string fields;
  fields.reserve(record.credential.size() + record.site.size() + record.method.size() + record.origin.size() +
                 record.path.size() + names);
  put_subject(fields, record);
  return fields;
}

Mac write_line(const vault::Secret& key, const AuditRecord& record, const Place& place, std::string& out) {
  // The name of an event stands at a fixed place that verify reads without a JSON parser.
  if (record.event.empty() ||
      record.event.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") != std::string_view::npos) {
    throw std::invalid_argument("an audit event's name is made of a-z and _");
  }
  const auto begin = out.size();
  out.append(record_start).append(place.time);
  out.append(R"(","run":")").append(place.run).append(R"(","seq":)");
  put_number(out, place.seq);
  out.append(R"(,"event":")").append(record.event).append("\"").append(place.identity);
  put_record(out, record);
  put_field(out, "after", place.after);
  put_field(out, "prev_at", place.prev_at);
  out.append(R"(,"prev":")").append(place.prev).append("\"");
  const auto mac = Mac::of_record(key, std::string_view(out).substr(begin));
  out.append(R"(,"mac":")").append(mac.text()).append("\"}\n");
  return mac;
}

}  // namespace standin::broker::audit
