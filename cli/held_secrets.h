#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/child_environment.h"
#include "broker/credential.h"
#include "vault/vault.h"

namespace standin::cli {

/// The run's secrets where the parent's environment holds them under some other name (a CI runner's NPM_TOKEN
/// that `add` was given by --from env:). The child would inherit them, and then it would hold a secret.
class HeldSecrets {
 public:
  /// A secret that does not open is left out: it is told of when it is used.
  HeldSecrets(const vault::Vault& vault, std::span<const broker::Credential> credentials);

  struct Replacement {
    std::string variable;
    std::string credential;
  };
  /// Puts a secret's stand-in in its place, and wipes the value that was there. `stand_ins` in the order of
  /// the credentials.
  [[nodiscard]] std::vector<Replacement> replace_in(broker::Environment& environment,
                                                    std::span<const std::string> stand_ins) const;
  /// The credential whose secret is in `text`; empty: none's is.
  [[nodiscard]] std::string in(std::string_view text) const;

 private:
  struct Held {
    std::size_t index;
    std::string credential;
    vault::Secret secret;
  };
  std::vector<Held> secrets_;
};

}  // namespace standin::cli
