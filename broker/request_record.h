#pragma once

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

  /// Puts a use on record, once for each credential and site. Throws Error(audit_unavailable): what it speaks
  /// of must not happen.
  void use(const Use& use);
  void refused(const Refused& refused) noexcept;
  /// Where no credential is to blame.
  void refused(const proxy::Refusal& refusal) noexcept;
  [[nodiscard]] std::string_view method() const noexcept { return method_; }
  /// Once, last.
  void ended(const proxy::Outcome& outcome) noexcept;

 private:
  [[nodiscard]] JournalEntry entry_for(const char* event, const Use& use) const;
  [[nodiscard]] std::string path() const;

  Journal& journal_;
  const LiveCredentials& credentials_;
  std::string origin_, method_, target_;  // as the child sent it: most are never recorded
  std::vector<Use> uses_;
  std::vector<JournalEntry> ends_;  // of uses_, in order
};

}  // namespace standin::broker
