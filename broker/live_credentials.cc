#include "broker/live_credentials.h"

#include <new>

#include "broker/refusals.h"

namespace standin::broker {

LiveCredentials::LiveCredentials(std::vector<Credential> credentials,
                                 const std::vector<std::string>& stand_ins, vault::Vault vault)
    : stand_ins_(stand_ins), vault_(std::move(vault)) {
  std::vector<Live> live;
  live.reserve(credentials.size());
  for (Credential& credential : credentials) live.push_back({std::move(credential), false, {}});
  take_over(std::move(live));
}

void LiveCredentials::follow() {
  // After a fault, whatever the file looks like: it may have come back as it was.
  if (!fault_ && !vault_.changed_on_disk()) return;
  try {
    reload();
    fault_.reset();
  } catch (const vault::Error& error) {
    fault_ = unreadable_secret(error.what(), error.hint());
  } catch (const Error& error) {
    fault_ = unreadable_secret(error.what(), error.hint());
  } catch (const std::bad_alloc&) {
    fault_ = unreadable_secret("no memory to read the vault again", "");
  }
}

void LiveCredentials::reload() {
  vault_.reload();
  std::vector<Live> now;
  now.reserve(live_.size());
  for (const Live& before : live_) {
    const auto entry = vault_.find(before.credential.name);
    now.push_back(
        {entry ? Credential::from_scope(entry->name, entry->scope) : before.credential, !entry, {}});
  }
  take_over(std::move(now));
}

/// All or nothing: out of memory half way, the old injector would point into credentials that are gone.
void LiveCredentials::take_over(std::vector<Live> live) {
  std::vector<BoundStandIn> pairs;
  pairs.reserve(live.size());
  for (std::size_t i = 0; i < live.size(); ++i) pairs.push_back({&live[i].credential, stand_ins_[i]});
  Injector injector(pairs);
  BodySwapper body_swapper(pairs);
  live_ = std::move(live);  // its elements stay where they are
  injector_ = std::move(injector);
  body_swapper_ = std::move(body_swapper);
  ++version_;
}

std::optional<Refused> LiveCredentials::why_not(const Found& found) {
  for (const Use& use : found.uses) {
    if (fault_) return Refused{use, *fault_};
    if (auto refusal = open(live_[use.index])) return Refused{use, *std::move(refusal)};
  }
  return std::nullopt;
}

std::optional<proxy::Refusal> LiveCredentials::open(Live& live) const {
  if (live.removed) return removed_credential(live.credential.name);
  if (live.secret) return std::nullopt;
  try {
    live.secret = vault_.secret(live.credential.name);
    return std::nullopt;
  } catch (const vault::Error& error) {
    return unreadable_secret(error.what(), error.hint());
  } catch (const std::bad_alloc&) {
    return unreadable_secret("no memory for it", "");
  }
}

}  // namespace standin::broker
