#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/injector.h"
#include "broker/journal.h"
#include "broker/live_credentials.h"
#include "proxy/interceptor.h"

namespace standin::broker {

/// What the log says of one request: each use as it is found, in the head or later in the body, and how it
/// ended. Made before the head is changed: a path that holds a secret could not be redacted any more.
///
/// Thread: the proxy's. The journal and the credentials must outlive it.
class RequestRecord {
 public:
  RequestRecord(Journal& journal, const LiveCredentials& credentials, const proxy::Origin& origin,
                const proxy::RequestHead& head);

  /// Writes what was booked and never committed, as where memory ran out in between: the journal waits for
  /// it.
  ~RequestRecord();
  RequestRecord(const RequestRecord&) = delete;
  RequestRecord& operator=(const RequestRecord&) = delete;

  /// Puts a use on record, once for each credential and site. Throws Error(audit_unavailable): what it speaks
  /// of must not happen.
  void use(const Use& use);
  /// The same, but on record only when commit() returned.
  void book(const Use& use);
  [[nodiscard]] bool has_booked() const noexcept { return booked_ != 0; }
  /// Throws as use() does: take_back() then.
  void commit();
  /// What was booked stands in the log as refused.
  void take_back(const proxy::Refusal& refusal) noexcept;
  void refused(const Refused& refused) noexcept;
  /// Where no credential is to blame.
  void refused(const proxy::Refusal& refusal) noexcept;
  [[nodiscard]] std::string_view method() const noexcept { return method_; }
  /// Once, last.
  void ended(const proxy::Outcome& outcome) noexcept;

 private:
  [[nodiscard]] JournalEntry entry_for(const char* event, const Use& use) const;
  [[nodiscard]] bool is_known(const Use& use) const noexcept;
  void note(const Use& use, JournalEntry entry, std::uint64_t seq);
  [[nodiscard]] std::string path() const;

  Journal& journal_;
  const LiveCredentials& credentials_;
  std::string origin_, method_, target_;  // as the child sent it: most are never recorded
  std::vector<Use> uses_;
  std::vector<JournalEntry> ends_;  // of uses_, in order
  std::uint64_t booked_ = 0;        // the last seq to be committed
};

}  // namespace standin::broker
