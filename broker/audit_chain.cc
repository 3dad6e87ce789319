#include "broker/audit_chain.h"

#include <algorithm>

#include "broker/error.h"

namespace standin::broker::audit {

Chain::Chain(vault::Secret key, std::string run, std::string identity)
    : key_(std::move(key)),
      run_(std::move(run)),
      identity_(std::move(identity)),
      prev_(Mac::of_chain(key_, run_)) {}

void Chain::begin(Time now) {
  text_.clear();
  lines_.clear();
  time_ = std::max(now, last_time_);
  time_text_ = times_.of(time_);
}

// Where one write puts several lines is known only afterwards. They stand directly behind each other, and
// having no prev_at says so.
void Chain::add(const AuditRecord& record, std::string_view after) {
  const bool first = lines_.empty();
  const Place place{.time = time_text_,
                    .run = run_,
                    .seq = next_seq_ + lines_.size(),
                    .identity = identity_,
                    .after = first && is_empty() ? after : std::string_view(),
                    .prev_at = first ? prev_at_ : std::nullopt,
                    .prev = first ? prev_.text() : lines_.back().mac.text()};
  const auto begin = text_.size();
  const auto mac = write_line(key_, record, place, text_);
  lines_.push_back({begin, text_.size(), mac});
  if (text_.size() - begin > max_line_bytes) {
    throw Error(Error::Kind::audit_unavailable,
                "a record of more than 4 MiB can't be written to the audit log");
  }
}

std::size_t Chain::written(std::size_t bytes, std::uint64_t at) noexcept {
  const auto is_whole = [bytes](const Line& line) { return line.end <= bytes + 1; };
  const auto whole = static_cast<std::size_t>(std::ranges::find_if_not(lines_, is_whole) - lines_.begin());
  if (whole > 0) {
    const Line& last = lines_[whole - 1];
    prev_ = last.mac;
    prev_at_ = at + last.begin;
    last_time_ = time_;
    next_seq_ += whole;
  }
  return whole;
}

}  // namespace standin::broker::audit
