#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "broker/body_scope.h"
#include "broker/escaped_text.h"

namespace standin::broker {

/// Asked before each swap in a body, with no secret at hand yet: puts the use on record and lets it go, or
/// refuses (the log can't be written, the credential is gone). A stand-in that stands in a site several times
/// is asked for each time, and is one use: the record is made at the first. `lend` must give the secret when
/// this has just let it go.
using UseDecision =
    std::function<std::variant<std::monostate, proxy::Refusal>(std::size_t index, const std::string& site)>;

/// What a body's transform needs of whoever has the log and the secrets. Called from within feed() and
/// finish(), on their thread.
struct BodyCalls {
  UseDecision decide;
  LendSecret lend;
  /// The transform itself refuses: to be recorded. The refusal is feed()'s or finish()'s answer as well.
  std::function<void(const Refused&)> refused;
  /// The same where the body is not what its head says, so that nobody knows what stands in it.
  std::function<void(const proxy::Refusal&)> unreadable = {};
};

/// How a kind of site stands in a body.
struct BodyGrammar {
  Site::Kind kind;
  Escapes escapes;    // in which a stand-in is recognised
  Grammar grammar;    // by which the secret is put in
  std::string never;  // what the encoded secret may not hold: a multipart's delimiter; empty: nothing
};

/// Swaps the stand-ins in the values of named fields, one value after the other, in whatever pieces they
/// come. Sans-IO; holds back what may begin a stand-in, and no more.
///
///     begin(field) -> feed()... -> end() or abandon()
class ValueSwap {
 public:
  /// `sites` is of `scope`.
  ValueSwap(std::shared_ptr<const BodyScope> scope, const BodySites& sites, BodyGrammar grammar,
            const proxy::Origin& origin, BodyCalls calls);

  /// `field`: an index into the sites' names.
  void begin(std::size_t field) noexcept { field_ = field; }
  [[nodiscard]] std::optional<proxy::Refusal> feed(std::string_view piece, proxy::WipingBuffer& out);
  /// The value is whole: what was held is no stand-in any more.
  [[nodiscard]] std::optional<proxy::Refusal> end(proxy::WipingBuffer& out);
  /// The body is at fault here: what was held passes as it came.
  void abandon(proxy::WipingBuffer& out);

  [[nodiscard]] const BodySites& sites() const noexcept { return sites_; }

 private:
  void hold(char decoded, std::string_view spelling);
  std::optional<proxy::Refusal> settle(Recogniser::Rest rest, proxy::WipingBuffer& out);
  void pass(std::size_t characters, proxy::WipingBuffer& out);
  std::optional<proxy::Refusal> swap(std::size_t index, std::size_t characters, proxy::WipingBuffer& out);
  std::optional<Unusable> put(std::size_t index, proxy::WipingBuffer& out) const;
  proxy::Refusal refuse(std::size_t index, const std::string& site, proxy::Refusal refusal) const;

  std::shared_ptr<const BodyScope> scope_;
  const BodySites& sites_;
  BodyGrammar grammar_;
  proxy::Origin origin_;
  BodyCalls calls_;
  std::size_t field_ = 0;
  EscapedText escaped_;
  // The characters that may begin a stand-in: decoded, how long each is spelled, and as they came.
  std::string decoded_;
  std::vector<std::uint8_t> lengths_;
  std::string spelled_;
};

}  // namespace standin::broker
