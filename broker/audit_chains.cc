#include "broker/audit_chains.h"

#include <algorithm>

namespace standin::broker::audit {

void Chains::begin_file(std::filesystem::path path, std::string day) {
  files_.push_back({std::move(path), std::move(day), false, {}});
  ++result_.files;
}

void Chains::line(std::string_view text, std::uint64_t offset, std::uint64_t number) {
  const Where where{files_.size() - 1, number, offset, offset + text.size() + 1};
  if (accept_if_authentic(text, where)) return;
  // Cut at each beginning of a record: what follows a torn piece on its line may be whole.
  do {
    const auto taken = take_piece(text);
    piece(taken, {where.file, number, offset, offset + taken.size() + 1});
    offset += taken.size();
  } while (!text.empty());
}

void Chains::piece(std::string_view text, const Where& where) {
  if (accept_if_authentic(text, where)) return;
  const auto head = parse_head(text);
  const std::string_view run = head ? head->run : std::string_view();
  const auto seq = head ? head->seq : 0;
  if (parse_frame(text)) {
    report(Kind::changed, where, run, seq,
           "the record does not fit its mac: changed, or written with another vault's key");
  } else {
    report(Kind::torn, where, run, seq, text.empty() ? "an empty line" : "not a whole record");
  }
  if (head) claim_place(*head);
}

bool Chains::accept_if_authentic(std::string_view text, const Where& where) {
  const auto frame = parse_frame(text);
  if (!frame || !Mac::of_record(key_, frame->signed_part).fits(frame->mac)) return false;
  accept(*frame, where);
  return true;
}

std::pair<const std::string, Chains::Run>& Chains::find_run(std::string_view id) {
  auto found = runs_.find(id);
  if (found == runs_.end()) found = runs_.try_emplace(std::string(id)).first;
  return *found;
}

// A damaged record takes the place it claims only if it is the one that is due: its seq can't be trusted
// further.
void Chains::claim_place(const Head& head) {
  auto& run = find_run(head.run).second;
  const auto due = std::max(run.next, run.damaged_to + 1);
  if (head.seq == due) run.damaged_to = due;
}

bool Chains::began_before_log(std::string_view run) const {
  const auto day = day_of_run(run);
  return day && *day < oldest_day_;
}

void Chains::accept(const Frame& frame, const Where& where) {
  ++result_.records;
  auto& [id, run] = find_run(frame.run);
  if (!run.authentic) {
    run.authentic = true;
    run.is_run = frame.seq > 1 || frame.event == "run_started";
    if (run.is_run) ++result_.runs;
    if (frame.seq > run.damaged_to + 1 && began_before_log(id))
      run.next = frame.seq;  // what is before was pruned
  }
  if (!frame.after.empty()) references_.push_back({std::string(frame.after), id, where});
  if (frame.time.substr(0, day_length) != files_[where.file].day) {
    report(Kind::reordered, where, id, frame.seq,
           "a record of " + std::string(frame.time.substr(0, day_length)) + " in another day's file");
  }
  if (frame.event == "run_ended") run.ended = true;
  if (frame.seq < run.next) {
    take_late(run, frame, where);
  } else {
    take_place(run, id, frame, where);
  }
}

void Chains::take_place(Run& run, const std::string& id, const Frame& frame, const Where& where) {
  const auto due = std::max(run.next, run.damaged_to + 1);
  if (frame.seq > due) run.gaps.push_back({due, frame.seq - 1, where});
  if (frame.seq == run.next) {
    const bool follows = run.prev_known ? frame.prev == std::string_view(run.prev.data(), run.prev.size())
                                        : frame.seq > 1 || Mac::of_chain(key_, id).fits(frame.prev);
    if (!follows)
      report(Kind::changed, where, id, frame.seq,
             "the record does not follow the one before it in its chain");
    if (run.prev_known) check_shift(run, id, frame, where);
  }
  run.next = frame.seq + 1;
  run.damaged_to = 0;
  std::ranges::copy(frame.mac, run.prev.begin());
  run.prev_known = true;
  run.last = where;
}

void Chains::take_late(Run& run, const Frame& frame, const Where& where) {
  const auto seq = frame.seq;
  const auto gap =
      std::ranges::find_if(run.gaps, [&](const Gap& g) { return g.first <= seq && seq <= g.last; });
  if (gap == run.gaps.end()) {
    report(Kind::reordered, where, frame.run, seq, "the record stands here a second time");
    return;
  }
  report(Kind::reordered, where, frame.run, seq, "the record stands behind a later one of its chain");
  const Gap behind{seq + 1, gap->last, gap->noticed};
  gap->last = seq - 1;
  if (gap->first > gap->last) run.gaps.erase(gap);
  if (behind.first <= behind.last) run.gaps.push_back(behind);
}

// `run.last` is still the record before this one. Without a prev_at, this one was written together with it.
void Chains::check_shift(const Run& run, const std::string& id, const Frame& frame, const Where& where) {
  const bool together = !frame.prev_at;
  if (together && where.file != run.last.file) return;  // one of them is in another day's file: told already
  const auto due = together ? run.last.end : *frame.prev_at;
  const Where& found = together ? where : run.last;
  if (found.offset == due) return;
  files_[found.file].shifts.try_emplace(static_cast<std::int64_t>(due - found.offset), found, &id);
}

void Chains::report(Kind kind, const Where& where, std::string_view run, std::uint64_t seq,
                    std::string text) {
  auto& file = files_[where.file];
  if (kind != Kind::unfinished) {
    file.damaged = true;
    ++result_.damages;
    if (result_.damages > AuditVerification::max_listed) return;
  }
  result_.findings.push_back({kind, file.path, where.line, std::string(run), seq, std::move(text)});
}

}  // namespace standin::broker::audit
