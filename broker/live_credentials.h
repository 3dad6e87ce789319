#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/body_swap.h"
#include "broker/injector.h"
#include "vault/vault.h"

namespace standin::broker {

/// The credentials of a run as the vault has them now: their scopes, whether they are still there, and the
/// secrets that were used. A secret is opened for its first use and stays open until the vault changes, in
/// the locked memory of vault::Secret: opening it for each request would cost several system calls.
///
/// Thread: one at a time.
class LiveCredentials {
 public:
  /// `stand_ins`: one for each of `credentials`.
  LiveCredentials(std::vector<Credential> credentials, const std::vector<std::string>& stand_ins,
                  vault::Vault vault);

  /// Looks whether the vault changed (one stat) and takes over what it says now, all of it or nothing. What
  /// it can't read makes why_not() refuse everything, until the vault can be read again.
  void follow();

  /// Why one of the uses must not be: the vault can't be read again, the credential is gone, or its secret
  /// does not open. Else secret() may be called for them.
  [[nodiscard]] std::optional<Refused> why_not(const Found& found);

  [[nodiscard]] const Injector& injector() const noexcept { return *injector_; }
  [[nodiscard]] const BodySwapper& body_swapper() const noexcept { return *body_swapper_; }
  [[nodiscard]] const std::string& stand_in(std::size_t index) const noexcept { return stand_ins_[index]; }
  [[nodiscard]] const Credential& credential(std::size_t index) const noexcept {
    return live_[index].credential;
  }
  /// Another number whenever the vault was read again: secrets may be others then.
  [[nodiscard]] std::uint64_t version() const noexcept { return version_; }
  [[nodiscard]] const std::string& name(std::size_t index) const noexcept {
    return live_[index].credential.name;
  }
  [[nodiscard]] const vault::Secret& secret(std::size_t index) const { return live_[index].secret.value(); }

 private:
  struct Live {
    Credential credential;  // the last known scope where it is gone
    bool removed = false;
    std::optional<vault::Secret> secret;
  };
  void reload();
  void take_over(std::vector<Live> live);
  [[nodiscard]] std::optional<proxy::Refusal> open(Live& live) const;

  std::vector<std::string> stand_ins_;
  std::vector<Live> live_;  // in the order of stand_ins_
  vault::Vault vault_;
  std::optional<Injector> injector_;  // points into live_
  std::optional<BodySwapper> body_swapper_;
  std::uint64_t version_ = 0;
  std::optional<proxy::Refusal> fault_;
};

}  // namespace standin::broker
