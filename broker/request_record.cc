#include "broker/request_record.h"

#include <algorithm>
#include <utility>

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

RequestRecord::~RequestRecord() {
  try {
    commit();
  } catch (const std::exception&) {
    // It is owed, and whoever is next is told that the log can't be written.
  }
}

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

bool RequestRecord::is_known(const Use& use) const noexcept {
  return std::ranges::any_of(
      uses_, [&](const Use& known) { return known.index == use.index && known.site == use.site; });
}

void RequestRecord::note(const Use& use, JournalEntry entry, std::uint64_t seq) {
  entry.event = "use_done";
  entry.of = seq;
  ends_.push_back(std::move(entry));
  uses_.push_back(use);
}

void RequestRecord::use(const Use& use) {
  if (is_known(use)) return;
  JournalEntry entry = entry_for("use", use);
  const auto seq = journal_.write(entry);
  note(use, std::move(entry), seq);
}

void RequestRecord::book(const Use& use) {
  if (is_known(use)) return;
  JournalEntry entry = entry_for("use", use);
  booked_ = journal_.book(entry);
  note(use, std::move(entry), booked_);
}

void RequestRecord::commit() {
  if (const auto seq = std::exchange(booked_, 0)) journal_.commit(seq);
}

void RequestRecord::take_back(const proxy::Refusal& refusal) noexcept {
  std::erase_if(ends_, [&](const JournalEntry& end) {
    return journal_.refuse(end.of.value_or(0), refusal.status, refusal.code);
  });
  // Unless somebody else's write had it after all: its end then says that it was not sent.
  if (!ends_.empty()) refused(refusal);
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
