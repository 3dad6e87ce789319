// What can be told only when every line was seen.
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <tuple>

#include "broker/audit_chains.h"

namespace standin::broker::audit {

AuditVerification Chains::finish() {
  report_runs();
  report_references();
  report_shifts();
  std::ranges::stable_sort(result_.findings, {},
                           [](const AuditFinding& f) { return std::tie(f.file, f.line); });
  return std::move(result_);
}

void Chains::report_runs() {
  for (const auto& [id, run] : runs_) {
    if (!run.authentic) continue;
    for (const auto& gap : run.gaps) {
      const auto text = gap.first == gap.last
                            ? "record " + std::to_string(gap.first) + " of the run is missing before this one"
                            : "records " + std::to_string(gap.first) + " to " + std::to_string(gap.last) +
                                  " of the run are missing before this one";
      report(Kind::missing, gap.noticed, id, gap.first, text);
    }
    if (run.is_run && !run.ended) {
      report(Kind::unfinished, run.last, id, run.next - 1,
             "the run has no end: it still runs, was killed, or its end was cut off");
    }
  }
}

bool Chains::is_there(const Reference& reference, std::string& id, std::uint64_t& seq) const {
  const auto& after = reference.after;  // DAY/RUN/SEQ, as parse_frame saw to
  id = after.substr(day_length + 1, run_length);
  const auto* digits = after.data() + day_length + 1 + run_length + 1;
  std::from_chars(digits, after.data() + after.size(), seq);
  if (after.compare(0, day_length, oldest_day_) < 0) return true;  // pruned
  const auto run = runs_.find(id);
  // A seq in a gap, or one that a damaged record claims, has its own finding.
  return run != runs_.end() && seq < std::max(run->second.next, run->second.damaged_to + 1);
}

void Chains::report_references() {
  for (const auto& reference : references_) {
    std::string id;
    std::uint64_t seq = 0;
    if (is_there(reference, id, seq)) continue;
    report(Kind::missing, reference.where, id, seq,
           "run " + reference.run + " began behind this record, which is gone from the file of " +
               reference.after.substr(0, day_length));
  }
}

// One removed line shifts all behind it: told only where nothing else explains it.
void Chains::report_shifts() {
  for (auto& file : files_) {
    if (file.damaged) continue;
    for (const auto& [shift, first] : file.shifts) {
      const auto count = std::to_string(std::abs(shift));
      report(shift > 0 ? Kind::missing : Kind::torn, first.first, *first.second, 0,
             count + (shift > 0 ? " bytes are missing before this line"
                                : " bytes too many stand before this line"));
    }
  }
}

}  // namespace standin::broker::audit
