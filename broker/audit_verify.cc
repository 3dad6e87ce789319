#include <chrono>
#include <thread>

#include <sodium.h>

#include "broker/audit_chains.h"
#include "broker/audit_query.h"
#include "broker/audit_reader.h"

namespace standin::broker {

namespace {

/// A day's file up to where the verification goes.
struct Part {
  std::string day;
  std::filesystem::path path;
  std::uint64_t size;
};

/// The log at one moment. Sizes are taken of the newest file first: whatever a record that is seen refers to
/// was written before it, and is seen too.
std::vector<Part> look_at(const std::filesystem::path& folder) {
  const auto days = audit::list_days(folder);
  std::vector<Part> parts;
  for (auto day = days.rbegin(); day != days.rend(); ++day) {
    auto path = audit::file_of_day(folder, *day);
    const auto file = audit::open_for_reading(path);
    if (!file.is_open()) continue;
    const auto size = static_cast<std::uint64_t>(audit::status_of(file, path).st_size);
    parts.insert(parts.begin(), Part{*day, std::move(path), size});
  }
  return parts;
}

/// The line at the file's end is not whole: its writer may be in the middle of it. That takes microseconds.
std::optional<audit::Line> settle(const audit::Descriptor& file, const std::filesystem::path& path,
                                  const audit::Line& line, std::optional<audit::LineReader>& reader) {
  constexpr int attempts = 5;
  std::optional<audit::Line> now = line;
  for (int i = 0; i < attempts && now && !now->terminated && !audit::parse_frame(now->text); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    reader.emplace(file, path, line.offset, line.number - 1);
    now = reader->next();
  }
  return now;
}

void verify_part(const Part& part, audit::Chains& chains) {
  const auto file = audit::open_for_reading(part.path);
  if (!file.is_open()) return;
  chains.begin_file(part.path, part.day);
  std::optional<audit::LineReader> reader(std::in_place, file, part.path);
  for (auto line = reader->next(); line && line->offset < part.size; line = reader->next()) {
    if (!line->terminated && line->text.size() < audit::max_line_bytes)
      line = settle(file, part.path, *line, reader);
    if (!line) return;
    chains.line(line->text, line->offset, line->number);
  }
}

}  // namespace

bool AuditVerification::intact() const noexcept { return damages == 0; }

AuditVerification verify_audit(const std::filesystem::path& folder, const vault::Secret& key) {
  if (::sodium_init() < 0) throw Error(Error::Kind::audit_unavailable, "libsodium can't be used");
  const auto parts = look_at(folder);
  audit::Chains chains(key, parts.empty() ? std::string() : parts.front().day);
  for (const auto& part : parts) verify_part(part, chains);
  return chains.finish();
}

}  // namespace standin::broker
