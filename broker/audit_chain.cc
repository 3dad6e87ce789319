#include "broker/audit_chain.h"

namespace standin::broker::audit {

Chain::Chain(vault::Secret key, std::string run, std::string identity)
    : key_(std::move(key)),
      run_(std::move(run)),
      identity_(std::move(identity)),
      prev_(Mac::of_chain(key_, run_)) {}

std::string_view Chain::make_line(const AuditRecord& record, Time time, std::string_view after) {
  const Place place{format_time(time), run_, next_seq_, identity_, after, prev_at_, prev_.text()};
  made_ = write_line(key_, record, place, line_);
  made_time_ = time;
  return line_;
}

std::uint64_t Chain::written(std::optional<std::uint64_t> at) noexcept {
  prev_ = made_;
  prev_at_ = at;
  last_time_ = made_time_;
  return next_seq_++;
}

}  // namespace standin::broker::audit
