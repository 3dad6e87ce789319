#include "broker/broker.h"

#include <algorithm>
#include <mutex>
#include <set>

#include "broker/journal.h"
#include "broker/live_credentials.h"
#include "broker/redaction.h"
#include "broker/refusals.h"
#include "broker/request_record.h"
#include "broker/response_scrub.h"
#include "broker/sent_secrets.h"
#include "broker/stand_in.h"
#include "broker/websocket_swap.h"

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

void drop_codings(proxy::RequestHead& head) {
  std::erase_if(head.fields, [](const auto& f) { return proxy::same_name(f.name, "Content-Encoding"); });
}

/// An address that a process connects to, whatever it will say there: no HTTP origin.
std::string text_of(const proxy::Endpoint& to) {
  const std::string address = to.address.to_string();
  return "tcp://" + (to.address.is_v4() ? address : "[" + address + "]") + ":" + std::to_string(to.port);
}

/// A request's body, known to be over: no secret can get into it any more.
class WatchedBody final : public proxy::BodyTransform {
 public:
  WatchedBody(std::unique_ptr<proxy::BodyTransform> body, std::shared_ptr<bool> goes_on)
      : body_(std::move(body)), goes_on_(std::move(goes_on)) {}
  ~WatchedBody() override { *goes_on_ = false; }
  WatchedBody(const WatchedBody&) = delete;
  WatchedBody& operator=(const WatchedBody&) = delete;

  std::optional<proxy::Refusal> feed(std::string_view piece, proxy::WipingBuffer& out) override {
    return body_->feed(piece, out);
  }
  [[nodiscard]] bool has_more() const noexcept override { return body_->has_more(); }
  std::optional<proxy::Refusal> finish(proxy::WipingBuffer& out) override {
    *goes_on_ = false;
    return body_->finish(out);
  }

 private:
  std::unique_ptr<proxy::BodyTransform> body_;
  std::shared_ptr<bool> goes_on_;
};

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
  using Record = std::shared_ptr<RequestRecord>;

  proxy::Verdict judge(const proxy::Origin& origin, proxy::RequestHead& head);
  std::optional<proxy::Refusal> swap_head(const proxy::Origin& origin, proxy::RequestHead& head,
                                          const Found& found, const Record& record);
  BodyCalls body_calls(const proxy::Origin& origin, const Record& record);
  void follow();
  enum class Way : std::uint8_t { at_once, booked };  // how it gets on record
  std::optional<Refused> let_go(const proxy::Origin& origin, const Found& found, RequestRecord& record,
                                Way way);
  proxy::Refusal refuse(const Refused& refused, RequestRecord& record);
  void refuse_unreadable(const proxy::Refusal& refusal, RequestRecord& record);
  [[nodiscard]] bool may_send_what_is_scrubbed(const proxy::Origin& origin) const noexcept;
  void refuse_connect(std::string_view to, const proxy::Refusal& refusal) noexcept;
  void tell(const proxy::Refusal& refusal);

  std::vector<std::string> stand_ins;
  std::vector<proxy::OriginPattern> bound;
  Egress egress;
  LiveCredentials credentials;
  Journal journal;
  SentSecrets sent;
  std::function<void(const proxy::Refusal&)> report;
  std::mutex reporting;
  std::set<std::string, std::less<>> reported;
  std::size_t exchanges = 0;  // under way
};

/// A request that was let through: its record, and the look at what comes back.
class Broker::State::Exchange final : public proxy::Exchange {
 public:
  Exchange(State& state, const proxy::Origin& origin, Record record, std::shared_ptr<bool> body_goes_on)
      : state_(state), origin_(origin), record_(std::move(record)), body_goes_on_(std::move(body_goes_on)) {
    ++state_.exchanges;
  }
  ~Exchange() override { --state_.exchanges; }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  [[nodiscard]] proxy::Recording recording() const noexcept override {
    if (!record_ || !record_->has_booked()) return proxy::Recording::done;
    return state_.exchanges > 1 ? proxy::Recording::with_others : proxy::Recording::now;
  }
  std::optional<proxy::Refusal> commit() override;

  std::unique_ptr<proxy::BodyTransform> on_response(proxy::ResponseHead& head) override {
    // Only now: the body may have carried a secret that the head did not, or may yet do so, where an origin
    // answers while it reads.
    const bool may_send = body_goes_on_ && *body_goes_on_;
    if (may_send || state_.sent.patterns(origin_)) return scrub().on_response(head);
    // Or another request may, while this body comes.
    if (record_->method() == "HEAD" || !state_.may_send_what_is_scrubbed(origin_)) return nullptr;
    return scrub().on_early_response(head);
  }
  std::optional<proxy::WipingBuffer> on_response_trailer(const proxy::Field& trailer) override {
    return scrub_ ? scrub_->on_trailer(trailer) : std::nullopt;
  }
  proxy::MessageFilters on_websocket() override;
  void finished(const proxy::Outcome& outcome) noexcept override { record_->ended(outcome); }

 private:
  ResponseScrub& scrub() {
    return scrub_.emplace(state_.sent, origin_,
                          [&state = state_, record = record_](const proxy::Refusal& refusal) {
                            state.refuse_unreadable(refusal, *record);
                          });
  }

  State& state_;
  proxy::Origin origin_;
  Record record_;
  std::shared_ptr<bool> body_goes_on_;  // null: no secret gets into its body
  std::optional<ResponseScrub> scrub_;
};

std::optional<proxy::Refusal> Broker::State::Exchange::commit() {
  try {
    record_->commit();
    return std::nullopt;
  } catch (const Error& error) {
    auto refusal = audit_unavailable(error.what(), error.hint());
    record_->take_back(refusal);
    state_.tell(refusal);
    return refusal;
  }
}

proxy::MessageFilters Broker::State::Exchange::on_websocket() {
  proxy::MessageFilters filters;
  filters.from_client =
      websocket_swap(state_.credentials.body_swapper(), origin_, state_.body_calls(origin_, record_));
  // What the child says in a message may come back in the next, and what another request says, too.
  const bool must_be_read = filters.from_client || state_.sent.patterns(origin_);
  if (must_be_read || state_.may_send_what_is_scrubbed(origin_))
    filters.from_server = websocket_scrub(state_.sent, origin_);
  if (!must_be_read) filters.unreadable = proxy::MessageFilters::Unreadable::relayed;
  return filters;
}

/// Looks whether the vault has changed: once for all requests of one turn of the proxy's loop, which ends
/// when the first of them is committed.
void Broker::State::follow() {
  if (!journal.has_booked()) credentials.follow();
}

proxy::Verdict Broker::State::judge(const proxy::Origin& origin, proxy::RequestHead& head) {
  follow();
  const auto judgement = credentials.injector().judge(origin, head);
  if (const auto* refused = std::get_if<Refused>(&judgement)) {
    RequestRecord record(journal, credentials, origin, head);
    return refuse(*refused, record);
  }
  const Found& found = std::get<Found>(judgement);
  const bool has_body_sites = credentials.body_swapper().has_sites();
  Record record = std::make_shared<RequestRecord>(journal, credentials, origin, head);
  std::unique_ptr<proxy::BodyTransform> body;
  std::shared_ptr<bool> body_goes_on;
  bool body_is_decoded = false;
  if (has_body_sites) {
    if (auto swap = credentials.body_swapper().swap(origin, head, body_calls(origin, record))) {
      body_goes_on = std::make_shared<bool>(swap->length == BodySwap::Length::may_change);
      body = std::make_unique<WatchedBody>(std::move(swap->transform), body_goes_on);
      body_is_decoded = swap->codings == BodySwap::Codings::undone;
    }
  }
  if (!found.uses.empty()) {
    if (auto refusal = swap_head(origin, head, found, record)) return *std::move(refusal);
  }
  if (body_is_decoded) drop_codings(head);  // now: what was found knows its fields by number
  if (body || sent.patterns(origin)) narrow_codings(head);
  return proxy::Pass{std::make_unique<Exchange>(*this, origin, std::move(record), body_goes_on),
                     std::move(body)};
}

/// Puts the uses on record, or books them; then their secrets may be asked for.
std::optional<Refused> Broker::State::let_go(const proxy::Origin& origin, const Found& found,
                                             RequestRecord& record, Way way) {
  if (auto refused = credentials.why_not(found)) return refused;
  try {
    for (const Use& use : found.uses) way == Way::booked ? record.book(use) : record.use(use);
  } catch (const Error& error) {
    return Refused{found.uses.front(), audit_unavailable(error.what(), error.hint())};
  }
  for (const Use& use : found.uses) {
    if (credentials.credential(use.index).scrubbing == Scrubbing::lenient) continue;
    sent.note(origin, use.index, credentials.version(), credentials.secret(use.index),
              credentials.stand_in(use.index));
  }
  return std::nullopt;
}

/// Books, then swaps: nothing is sent before it was committed.
std::optional<proxy::Refusal> Broker::State::swap_head(const proxy::Origin& origin, proxy::RequestHead& head,
                                                       const Found& found, const Record& record) {
  auto refused = let_go(origin, found, *record, Way::booked);
  if (!refused) {
    const auto lend = [this](std::size_t index) -> const vault::Secret& { return credentials.secret(index); };
    refused = credentials.injector().inject(head, found, lend);
  }
  if (!refused) return std::nullopt;
  record->ended({.reason = refused->refusal.code});
  return refuse(*refused, *record);
}

/// What a body's transform asks, later, as it finds stand-ins.
BodyCalls Broker::State::body_calls(const proxy::Origin& origin, const Record& record) {
  return {
      .decide = [this, origin, record](std::size_t index, const std::string& site)
          -> std::variant<std::monostate, proxy::Refusal> {
        follow();  // a body may be on its way for long
        const Found found{.uses = {{index, site}}, .swaps = {}};
        if (const auto refused = let_go(origin, found, *record, Way::at_once))
          return refuse(*refused, *record);
        return std::monostate{};
      },
      .lend = [this](std::size_t index) -> const vault::Secret& { return credentials.secret(index); },
      .refused = [this, record](const Refused& refused) { refuse(refused, *record); },
      .unreadable = [this, record](const proxy::Refusal& refusal) { refuse_unreadable(refusal, *record); }};
}

proxy::Refusal Broker::State::refuse(const Refused& refused, RequestRecord& record) {
  record.refused(refused);
  tell(refused.refusal);
  return refused.refusal;
}

void Broker::State::refuse_unreadable(const proxy::Refusal& refusal, RequestRecord& record) {
  record.refused(refusal);
  tell(refusal);
}

bool Broker::State::may_send_what_is_scrubbed(const proxy::Origin& origin) const noexcept {
  for (std::size_t i = 0; i < stand_ins.size(); ++i) {
    const Credential& credential = credentials.credential(i);
    if (credential.scrubbing == Scrubbing::strict && credential.is_bound_to(origin)) return true;
  }
  return false;
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
    if (state_->journal.has_booked()) return;  // its commit is next, and writes this, too
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
