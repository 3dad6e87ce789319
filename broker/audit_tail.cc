#include "broker/audit_tail.h"

#include <algorithm>
#include <optional>

#include "broker/audit_line.h"
#include "broker/audit_reader.h"

namespace standin::broker::audit {

namespace {

// More foreign bytes than this behind the last record are not looked through: verify tells of them.
constexpr std::uint64_t budget_bytes = 16 << 20;

std::optional<std::string> last_in_line(std::string_view line, std::string_view day,
                                        const vault::Secret& key) {
  std::optional<std::string> last;
  const auto look = [&](std::string_view piece) {
    const auto frame = parse_frame(piece);
    if (!frame || !Mac::of_record(key, frame->signed_part).fits(frame->mac)) return false;
    last = std::string(day) + '/' + std::string(frame->run) + '/' + std::to_string(frame->seq);
    return true;
  };
  if (look(line)) return last;
  while (!line.empty()) look(take_piece(line));
  return last;
}

}  // namespace

std::string find_last_record(const std::filesystem::path& folder, std::string_view day,
                             const vault::Secret& key) {
  auto budget = budget_bytes;
  const auto look = [&](const std::string& past) -> std::optional<std::string> {
    const auto path = file_of_day(folder, past);
    const auto file = open_for_reading(path);
    if (!file.is_open()) return std::nullopt;
    BackwardReader reader(file, path, static_cast<std::uint64_t>(status_of(file, path).st_size));
    while (const auto line = reader.next(budget)) {
      if (auto last = last_in_line(*line, past, key)) return last;
    }
    return std::nullopt;
  };
  // Nearly always today's file has it, and the folder need not be read.
  if (auto last = look(std::string(day))) return *last;
  auto days = list_days(folder);
  days.erase(std::ranges::lower_bound(days, day), days.end());
  for (; !days.empty() && budget > 0; days.pop_back()) {
    if (auto last = look(days.back())) return *last;
  }
  return {};
}

}  // namespace standin::broker::audit
