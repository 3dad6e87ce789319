#include "broker/audit_filter.h"

#include <algorithm>
#include <utility>

#include "broker/audit_line.h"
#include "proxy/ascii.h"

namespace standin::broker::audit {

namespace {

constexpr std::chrono::seconds slack(5);

bool is_status(std::string_view text) {
  return text.size() == 3 && std::ranges::all_of(text, proxy::is_digit);
}

/// Whether the raw line may hold this value: a value of these characters is never written with an escape.
bool may_hold(std::string_view piece, std::string_view value) noexcept {
  const bool plain =
      std::ranges::all_of(value, [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; });
  return value.empty() || !plain || piece.find(value) != std::string_view::npos;
}

std::string_view without_port(std::string_view authority) noexcept {
  const auto colon = authority.rfind(':');
  const auto bracket = authority.rfind(']');
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  return has_port ? authority.substr(0, colon) : authority;
}

}  // namespace

Matcher::Matcher(AuditFilter filter) : filter_(std::move(filter)) {
  filter_.origin = proxy::lower(filter_.origin);
  if (!filter_.since) return;
  const auto since = std::chrono::ceil<std::chrono::microseconds>(*filter_.since);
  since_ = format_time(since);
  begin_ = format_time(since - slack);
}

std::string_view Matcher::first_day() const noexcept {
  return std::string_view(since_).substr(0, day_length);
}

bool Matcher::may_match(std::string_view piece) const noexcept {
  const auto head = parse_head(piece);
  return head && head->time >= since_ && head->run.starts_with(filter_.run) &&
         may_hold(piece, filter_.credential) && may_hold(piece, filter_.origin);
}

bool Matcher::has_outcome(const AuditEntry& entry) const {
  const auto& outcome = filter_.outcome;
  if (outcome.empty()) return true;
  if (outcome == "ok") return entry.event == "use_done" && entry.status && *entry.status < 400;
  if (outcome == "failed") return entry.event == "use_done" && (!entry.status || *entry.status >= 400);
  if (outcome == "refused") return entry.event == "refused";
  if (is_status(outcome)) {
    return entry.event != "run_ended" && entry.status && std::to_string(*entry.status) == outcome;
  }
  return std::string_view(entry.reason).substr(0, entry.reason.find(':')) == outcome;
}

bool Matcher::has_origin(const AuditEntry& entry) const {
  if (filter_.origin.empty() || entry.origin == filter_.origin) return true;
  std::string_view authority = entry.origin;
  if (const auto scheme = authority.find("://"); scheme != std::string_view::npos)
    authority.remove_prefix(scheme + 3);
  return !authority.empty() && (authority == filter_.origin || without_port(authority) == filter_.origin);
}

bool Matcher::matches(std::string_view line, AuditEntry& entry) const {
  return may_match(line) && parse_entry(line, entry) &&
         (filter_.credential.empty() || entry.credential == filter_.credential) && has_origin(entry) &&
         has_outcome(entry);
}

}  // namespace standin::broker::audit
