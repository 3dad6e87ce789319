#pragma once

#include <functional>
#include <string_view>

#include "cli/places.h"
#include "vault/vault.h"

namespace standin::cli {

struct Change {
  std::string_view event;       // credential_added, ...
  std::string_view command;     // "standin add"
  std::string_view credential;  // as it is named before
  std::string_view reason;      // what changes, where the event doesn't say; never a value
};

/// Records the change in a chain of its own, then makes it. Where the record can't be written nothing is
/// changed (broker::Error); where `make` throws, `change_failed` is recorded and the fault goes on.
void make_recorded(const vault::Vault& vault, const Places& places, const Change& change,
                   const std::function<void()>& make);

}  // namespace standin::cli
