#include "broker/broker.h"

#include <algorithm>
#include <mutex>
#include <set>

#include "broker/journal.h"
#include "broker/live_credentials.h"
#include "broker/redaction.h"
#include "broker/refusals.h"
#include "broker/stand_in.h"

namespace standin::broker {
namespace {

constexpr std::size_t max_method_bytes = 64;

std::vector<proxy::OriginPattern> bound_by(const std::vector<Credential>& credentials) {
  std::vector<proxy::OriginPattern> bound;
  for (const Credential& credential : credentials) {
    for (const proxy::OriginPattern& origin : credential.origins) {
      if (std::ranges::find(bound, origin) == bound.end()) bound.push_back(origin);
    }
  }
  return bound;
}

std::string_view cut(std::string_view method) { return method.substr(0, max_method_bytes); }

/// An address that a process connects to, whatever it will say there: no HTTP origin.
std::string text_of(const proxy::Endpoint& to) {
  const std::string address = to.address.to_string();
  return "tcp://" + (to.address.is_v4() ? address : "[" + address + "]") + ":" + std::to_string(to.port);
}

}  // namespace

struct Broker::State {
  State(BrokerOptions options, vault::Vault vault, AuditLog& audit)
      : stand_ins(make_stand_ins(options.credentials)),
        bound(bound_by(options.credentials)),
        egress(options.egress, bound, options.allowed_networks),
        credentials(std::move(options.credentials), stand_ins, std::move(vault)),
        journal(audit),
        report(std::move(options.report)) {}

  class Exchange;

  proxy::Verdict judge(const proxy::Origin& origin, proxy::RequestHead& head);
  proxy::Verdict let_through(const proxy::Origin& origin, proxy::RequestHead& head, const Found& found);
  std::vector<JournalEntry> record_uses(const proxy::Origin& origin, const proxy::RequestHead& head,
                                        const Found& found);
  void end_uses(std::vector<JournalEntry> uses, const proxy::Outcome& outcome) noexcept;
  proxy::Refusal refuse(const proxy::Origin& origin, const proxy::RequestHead& head, const Refused& refused);
  void refuse_connect(std::string_view to, const proxy::Refusal& refusal) noexcept;
  JournalEntry entry_for(const char* event, const proxy::Origin& origin, const proxy::RequestHead& head,
                         const Use& use) const;
  void tell(const proxy::Refusal& refusal);

  std::vector<std::string> stand_ins;
  std::vector<proxy::OriginPattern> bound;
  Egress egress;
  LiveCredentials credentials;
  Journal journal;
  std::function<void(const proxy::Refusal&)> report;
  std::mutex reporting;
  std::set<std::string, std::less<>> reported;
};

/// Uses that are on record; writes how they ended.
class Broker::State::Exchange final : public proxy::Exchange {
 public:
  Exchange(State& state, std::vector<JournalEntry> ends) : state_(state), ends_(std::move(ends)) {}
  void finished(const proxy::Outcome& outcome) noexcept override {
    state_.end_uses(std::move(ends_), outcome);
  }

 private:
  State& state_;
  std::vector<JournalEntry> ends_;
};

proxy::Verdict Broker::State::judge(const proxy::Origin& origin, proxy::RequestHead& head) {
  credentials.follow();
  const auto judgement = credentials.injector().judge(origin, head);
  if (const auto* refused = std::get_if<Refused>(&judgement)) return refuse(origin, head, *refused);
  const Found& found = std::get<Found>(judgement);
  if (found.uses.empty()) return proxy::Pass{};
  if (const auto refused = credentials.why_not(found)) return refuse(origin, head, *refused);
  return let_through(origin, head, found);
}

/// Records, then swaps: in this order, whatever comes.
proxy::Verdict Broker::State::let_through(const proxy::Origin& origin, proxy::RequestHead& head,
                                          const Found& found) {
  std::vector<JournalEntry> ends;
  try {
    ends = record_uses(origin, head, found);
  } catch (const Error& error) {
    return refuse(origin, head, {found.uses.front(), audit_unavailable(error.what(), error.hint())});
  }
  const auto lend = [this](std::size_t index) -> const vault::Secret& { return credentials.secret(index); };
  if (const auto refused = credentials.injector().inject(head, found, lend)) {
    end_uses(std::move(ends), {.reason = refused->refusal.code});
    return refuse(origin, head, *refused);
  }
  return proxy::Pass{std::make_unique<Exchange>(*this, std::move(ends))};
}

/// One record a use; returns what is to be written when they ended. Throws Error(audit_unavailable), the
/// uses that were recorded until then being ended.
std::vector<JournalEntry> Broker::State::record_uses(const proxy::Origin& origin,
                                                     const proxy::RequestHead& head, const Found& found) {
  std::vector<JournalEntry> ends;
  ends.reserve(found.uses.size());
  for (const Use& use : found.uses) {
    JournalEntry entry = entry_for("use", origin, head, use);
    try {
      entry.of = journal.write(entry);
    } catch (...) {
      end_uses(std::move(ends), {.reason = "audit_unavailable"});
      throw;
    }
    entry.event = "use_done";
    ends.push_back(std::move(entry));
  }
  return ends;
}

void Broker::State::end_uses(std::vector<JournalEntry> ends, const proxy::Outcome& outcome) noexcept {
  for (JournalEntry& entry : ends) {
    if (outcome.status != 0) entry.status = outcome.status;
    entry.bytes = outcome.response_bytes;
    entry.request_bytes = outcome.request_bytes;
    entry.duration = outcome.duration;
    entry.reason = outcome.reason;
    journal.put_off(std::move(entry));
  }
}

proxy::Refusal Broker::State::refuse(const proxy::Origin& origin, const proxy::RequestHead& head,
                                     const Refused& refused) {
  JournalEntry entry = entry_for("refused", origin, head, refused.stands);
  entry.status = refused.refusal.status;
  entry.reason = refused.refusal.code;
  journal.write_or_owe(std::move(entry));
  tell(refused.refusal);
  return refused.refusal;
}

/// Of a head that was not swapped: a path that holds a secret could not be redacted any more.
JournalEntry Broker::State::entry_for(const char* event, const proxy::Origin& origin,
                                      const proxy::RequestHead& head, const Use& use) const {
  const std::string where = origin.to_string();
  const std::string path = redact_target(head.target, credentials.injector().recogniser());
  return JournalEntry(event, {.credential = credentials.name(use.index),
                              .site = use.site,
                              .method = cut(head.method),
                              .origin = where,
                              .path = path});
}

void Broker::State::refuse_connect(std::string_view to, const proxy::Refusal& refusal) noexcept {
  JournalEntry entry("refused", {.origin = to});
  entry.status = refusal.status;
  entry.reason = refusal.code;
  journal.write_or_owe(std::move(entry));
  tell(refusal);
}

void Broker::State::tell(const proxy::Refusal& refusal) {
  const std::lock_guard lock(reporting);
  if (report && reported.insert(refusal.code).second) report(refusal);
}

Broker::Broker(BrokerOptions options, vault::Vault vault, AuditLog& audit)
    : state_(std::make_unique<State>(std::move(options), std::move(vault), audit)) {}

Broker::~Broker() = default;

const std::vector<std::string>& Broker::stand_ins() const noexcept { return state_->stand_ins; }

const std::vector<proxy::OriginPattern>& Broker::bound_origins() const noexcept { return state_->bound; }

void Broker::settle() { state_->journal.settle(); }

std::optional<proxy::Refusal> Broker::check_connect(const proxy::Endpoint& to, ConnectWay way) {
  const proxy::Origin literal{proxy::Scheme::https, to.address.to_string(), to.port};
  const bool direct = way == ConnectWay::direct;
  auto refusal =
      direct ? state_->egress.check_address(literal, to.address) : Egress::check_metadata(to.address);
  if (!refusal && (!direct || to.address.is_loopback())) return std::nullopt;
  if (!refusal) {
    JournalEntry entry("tunnel", {.origin = text_of(to)});
    entry.reason = "direct";
    try {
      state_->journal.write(entry);
      return std::nullopt;
    } catch (const Error& error) {
      refusal = audit_unavailable(error.what(), error.hint());
    }
  }
  state_->refuse_connect(text_of(to), *refusal);
  return refusal;
}

void Broker::on_uncaptured(const proxy::Endpoint& to, const char* reason) noexcept {
  JournalEntry entry("tunnel", {.origin = text_of(to)});
  entry.reason = reason;
  state_->journal.write_or_owe(std::move(entry));
}

void Broker::on_unreadable(const proxy::Refusal& refusal) noexcept { state_->refuse_connect({}, refusal); }

proxy::Handling Broker::handling(const proxy::Origin& origin) {
  const bool bound =
      std::ranges::any_of(state_->bound, [&](const auto& pattern) { return pattern.matches(origin); });
  return bound ? proxy::Handling::intercept : proxy::Handling::tunnel;
}

std::optional<proxy::Refusal> Broker::check_origin(const proxy::Origin& origin) {
  return state_->egress.check_origin(origin);
}

std::optional<proxy::Refusal> Broker::check_address(const proxy::Origin& origin,
                                                    const proxy::IpAddress& address) {
  return state_->egress.check_address(origin, address);
}

proxy::Verdict Broker::on_request(const proxy::Origin& origin, proxy::RequestHead& head) {
  return state_->judge(origin, head);
}

void Broker::on_turn_end() noexcept {
  try {
    state_->journal.settle();
  } catch (const std::exception&) {
    state_->tell(audit_unavailable("how a request ended could not be recorded",
                                   "it is, when the log can be written again"));
  }
}

std::optional<proxy::Refusal> Broker::on_tunnel(const proxy::Origin& origin,
                                                const proxy::IpAddress* address) {
  JournalEntry entry("tunnel", {.origin = origin.to_string()});
  if (address != nullptr) entry.reason = "address " + address->to_string();
  try {
    state_->journal.write(entry);
    return std::nullopt;
  } catch (const Error& error) {
    return audit_unavailable(error.what(), error.hint());
  }
}

void Broker::on_refused(const proxy::Origin* origin, std::string_view method, std::string_view target,
                        const proxy::Refusal& refusal) noexcept {
  const std::string where = origin != nullptr ? origin->to_string() : "";
  const std::string path = redact_target(target, state_->credentials.injector().recogniser());
  JournalEntry entry("refused", {.method = cut(method), .origin = where, .path = path});
  entry.status = refusal.status;
  entry.reason = refusal.code;
  state_->journal.write_or_owe(std::move(entry));
  // Asking for the run's password is how clients like git begin, and no news to a person.
  if (refusal.status != 407) state_->tell(refusal);
}

}  // namespace standin::broker
