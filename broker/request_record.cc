#include "broker/request_record.h"

#include <algorithm>

#include "broker/redaction.h"

namespace standin::broker {
namespace {

constexpr std::size_t max_method_bytes = 64;

}  // namespace

RequestRecord::RequestRecord(Journal& journal, const LiveCredentials& credentials,
                             const proxy::Origin& origin, const proxy::RequestHead& head)
    : journal_(journal),
      credentials_(credentials),
      origin_(origin.to_string()),
      method_(head.method.substr(0, max_method_bytes)),
      target_(head.target) {}

std::string RequestRecord::path() const {
  return redact_target(target_, credentials_.injector().recogniser());
}

JournalEntry RequestRecord::entry_for(const char* event, const Use& use) const {
  const std::string path = this->path();
  return JournalEntry(event, {.credential = credentials_.name(use.index),
                              .site = use.site,
                              .method = method_,
                              .origin = origin_,
                              .path = path});
}

void RequestRecord::use(const Use& use) {
  const auto is_same = [&](const Use& known) { return known.index == use.index && known.site == use.site; };
  if (std::ranges::any_of(uses_, is_same)) return;
  JournalEntry entry = entry_for("use", use);
  entry.of = journal_.write(entry);
  entry.event = "use_done";
  ends_.push_back(std::move(entry));
  uses_.push_back(use);
}

void RequestRecord::refused(const Refused& refused) noexcept {
  JournalEntry entry = entry_for("refused", refused.stands);
  entry.status = refused.refusal.status;
  entry.reason = refused.refusal.code;
  journal_.write_or_owe(std::move(entry));
}

void RequestRecord::refused(const proxy::Refusal& refusal) noexcept {
  const std::string path = this->path();
  JournalEntry entry("refused", {.method = method_, .origin = origin_, .path = path});
  entry.status = refusal.status;
  entry.reason = refusal.code;
  journal_.write_or_owe(std::move(entry));
}

void RequestRecord::ended(const proxy::Outcome& outcome) noexcept {
  for (JournalEntry& entry : ends_) {
    if (outcome.status != 0) entry.status = outcome.status;
    entry.bytes = outcome.response_bytes;
    entry.request_bytes = outcome.request_bytes;
    entry.duration = outcome.duration;
    entry.reason = outcome.reason;
    journal_.put_off(std::move(entry));
  }
  ends_.clear();
}

}  // namespace standin::broker
