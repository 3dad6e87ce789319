#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "broker/credential.h"
#include "broker/place.h"
#include "broker/recogniser.h"
#include "proxy/interceptor.h"
#include "proxy/message.h"
#include "vault/secret.h"

namespace standin::broker {

/// A credential of the run with what the child got for it.
struct BoundStandIn {
  const Credential* credential;
  std::string_view stand_in;
};

/// A stand-in that may be swapped in one site of a request: what the audit log gets a record of. Standing
/// there several times makes it one use.
struct Use {
  std::size_t index;  // into the stand-ins
  std::string site;   // as audited: "header:Authorization", "basic", "basic-form", "query:key", "path"
};

/// One stretch of a request head that a secret goes into.
struct Swap {
  static constexpr std::size_t target = static_cast<std::size_t>(-1);
  std::size_t field;  // index of the field, or `target`
  std::size_t begin;  // of the field's value, the target, or in Basic the decoded user-pass
  std::size_t end;
  std::size_t use;  // into Found::uses
  Grammar grammar;
};

struct Found {
  std::vector<Use> uses;
  std::vector<Swap> swaps;  // in the order of the head, none overlapping
};
/// A request that does not go: why, and which stand-in stood where, for the audit log.
struct Refused {
  Use stands;
  proxy::Refusal refusal;
};
using Judgement = std::variant<Found, Refused>;

/// Lends the secret of a stand-in, by its index, until the next call.
using LendSecret = std::function<const vault::Secret&(std::size_t index)>;

/// Finds the stand-ins of a request head, says whether they may be swapped, and swaps them. Sans-IO, in two
/// steps, so that a use is on record before a secret is touched:
///
///     judge() -> (record found.uses) -> inject()
///
/// Made once for the stand-ins of a run, and again when a scope changes. The credentials must outlive it; the
/// texts of the stand-ins are copied. Thread: judge() and inject() may run on many threads at once.
class Injector {
 public:
  explicit Injector(std::span<const BoundStandIn> stand_ins);

  /// - In a site of its credential, towards an origin it is bound to: a use.
  /// - In an authentication field or a site of its credential, towards an origin it is not bound to: a
  ///   Refusal 403 wrong_origin.
  /// - In an authentication field that is not among its sites, towards its own origin: a Refusal 403
  /// wrong_site.
  /// - In any of these of a TRACE: a Refusal 403 denied_by_rule.
  /// - Anywhere else it is inert text and passes as it is.
  ///
  /// Authorization is looked at as it stands, and where nothing stands there and it is Basic, decoded. A
  /// refusal names the credential, the place and the origins, never the stand-in.
  [[nodiscard]] Judgement judge(const proxy::Origin& origin, const proxy::RequestHead& head) const;

  /// Puts the secrets in: each place rewritten once, each secret encoded by the grammar of its place, what
  /// was put in never looked at again. All else stays the same to the byte. `found` is judge()'s of this
  /// head.
  ///
  /// Refused, 502 secret_unusable, where a place can't carry the value; the head is then as it was, as it is
  /// when `lend` throws.
  [[nodiscard]] std::optional<Refused> inject(proxy::RequestHead& head, const Found& found,
                                              const LendSecret& lend) const;

  [[nodiscard]] const Recogniser& recogniser() const noexcept { return recogniser_; }

 private:
  struct WatchedField {
    std::string_view name;
    bool authentication;  // one of authentication_fields(); else a site of some credential
  };
  [[nodiscard]] const WatchedField* watched(std::string_view name) const noexcept;
  class Judge;

  std::vector<const Credential*> credentials_;
  Recogniser recogniser_;
  std::vector<WatchedField> fields_;  // by length of name
  std::array<std::uint32_t, 34>
      first_field_{};  // where each length begins in fields_; the last: 32 and longer
  bool any_query_ = false;
  bool any_path_ = false;
};

/// The well-known authentication fields, lower case, sorted: the one documented list (docs/standin.1.md).
std::span<const std::string_view> authentication_fields() noexcept;

/// Whether the origin's answer is the request, secret and all, to a child that must not see it (RFC 9110
/// 9.3.8).
[[nodiscard]] bool is_echoed(std::string_view method) noexcept;

}  // namespace standin::broker
