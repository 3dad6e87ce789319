#include "broker/audit_query.h"

#include <algorithm>

#include "broker/audit_filter.h"
#include "broker/audit_line.h"
#include "broker/audit_reader.h"

namespace standin::broker {

namespace {

using Each = std::function<bool(const AuditEntry&)>;

/// The records of one line: nearly always one. Where a torn line stands in front of it, the one behind.
bool pass_on(std::string_view line, const audit::Matcher& matcher, AuditEntry& entry, const Each& each) {
  if (matcher.matches(line, entry)) return each(entry);
  if (line.find(audit::record_start, 1) == std::string_view::npos) return true;
  while (!line.empty()) {
    if (matcher.matches(audit::take_piece(line), entry) && !each(entry)) return false;
  }
  return true;
}

/// Fills in what `line` says of the last use of one of the credentials; returns how many it was the first to
/// tell of.
std::size_t note_uses(std::string_view line, const std::vector<std::string>& credentials,
                      std::vector<std::optional<std::string>>& uses) {
  std::size_t found = 0;
  AuditEntry entry;
  while (!line.empty()) {
    const auto piece = audit::take_piece(line);
    const auto head = audit::parse_head(piece);
    if (!head || head->event != "use" || !audit::parse_entry(piece, entry)) continue;
    for (std::size_t i = 0; i < credentials.size(); ++i) {
      if (uses[i] || credentials[i] != entry.credential) continue;
      uses[i] = entry.time;
      ++found;
    }
  }
  return found;
}

}  // namespace

void query_audit(const std::filesystem::path& folder, const AuditFilter& filter, const Each& each) {
  const audit::Matcher matcher(filter);
  AuditEntry entry;
  for (const auto& day : audit::list_days(folder, matcher.first_day())) {
    const auto path = audit::file_of_day(folder, day);
    const auto file = audit::open_for_reading(path);
    if (!file.is_open()) continue;  // pruned since the folder was read
    const auto begin = day == matcher.first_day() ? audit::find_since(file, path, matcher.begin()) : 0;
    audit::LineReader reader(file, path, begin);
    while (const auto line = reader.next()) {
      if (!pass_on(line->text, matcher, entry, each)) return;
    }
  }
}

std::vector<std::optional<std::string>> last_uses(const std::filesystem::path& folder,
                                                  const std::vector<std::string>& credentials,
                                                  std::uint64_t max_bytes) {
  std::vector<std::optional<std::string>> uses(credentials.size());
  auto left = credentials.size();
  auto days = audit::list_days(folder);
  for (; !days.empty() && left > 0 && max_bytes > 0; days.pop_back()) {
    const auto path = audit::file_of_day(folder, days.back());
    const auto file = audit::open_for_reading(path);
    if (!file.is_open()) continue;
    audit::BackwardReader reader(file, path,
                                 static_cast<std::uint64_t>(audit::status_of(file, path).st_size));
    while (left > 0) {
      const auto line = reader.next(max_bytes);
      if (!line) break;
      left -= std::min(left, note_uses(*line, credentials, uses));
    }
  }
  return uses;
}

}  // namespace standin::broker
