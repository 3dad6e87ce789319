// The second step of the injector: the one place where secrets meet a request.
#include <algorithm>

#include "broker/injector.h"
#include "broker/refusals.h"

namespace standin::broker {
namespace {

using Swaps = std::span<const Swap>;

/// Why a swap could not be made.
struct Failure {
  std::size_t use;
  Unusable reason;
};

constexpr std::size_t spare = 512;  // the growth that most secrets need: no second allocation

bool is_basic(Grammar grammar) noexcept {
  return grammar == Grammar::basic || grammar == Grammar::basic_form;
}

/// The user is what stands before the first colon of a user-pass that has one.
BasicPart part_of(std::string_view text, const Swap& swap) noexcept {
  const std::size_t colon = is_basic(swap.grammar) ? text.find(':') : std::string_view::npos;
  return colon != std::string_view::npos && swap.end <= colon ? BasicPart::user : BasicPart::rest;
}

/// White space at the ends of a field value is no part of it (RFC 9110 5.5): the origin would not see it.
bool has_outer_space(std::string_view value) noexcept {
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  return !value.empty() && (is_space(value.front()) || is_space(value.back()));
}

/// One inject() on its way through the head.
class Rewriter {
 public:
  Rewriter(proxy::RequestHead& head, const Found& found, const LendSecret& lend)
      : head_(head), found_(found), lend_(lend) {}

  /// Makes the replacement for one place.
  std::optional<Failure> place(Swaps swaps) {
    if (swaps.front().field == Swap::target) return target(swaps);
    return is_basic(swaps.front().grammar) ? basic(swaps) : field(swaps);
  }

  void apply() && {
    for (auto& [field, value] : replacements_) {
      if (field == Swap::target) {
        head_.replace_target(std::move(value));
      } else {
        head_.replace_value(field, std::move(value));
      }
    }
  }

 private:
  std::optional<Failure> target(Swaps swaps) {
    proxy::WipingBuffer out;
    if (auto failure = rewrite(head_.target, swaps, out)) return failure;
    replacements_.emplace_back(Swap::target, std::move(out));
    return std::nullopt;
  }

  std::optional<Failure> field(Swaps swaps) {
    proxy::WipingBuffer out;
    if (auto failure = rewrite(head_.fields[swaps.front().field].value, swaps, out)) return failure;
    if (has_outer_space(proxy::view(out))) return Failure{swaps.front().use, Unusable::outer_space};
    replacements_.emplace_back(swaps.front().field, std::move(out));
    return std::nullopt;
  }

  std::optional<Failure> basic(Swaps swaps) {
    const std::size_t field = swaps.front().field;
    BasicValue basic = decode_basic(head_.fields[field].value).value();
    proxy::WipingBuffer out;
    if (auto failure = rewrite(proxy::view(basic.user_pass), swaps, out)) return failure;
    basic.user_pass = std::move(out);
    replacements_.emplace_back(field, encode_basic(basic));
    return std::nullopt;
  }

  /// `text` with its swaps made, one pass from the left.
  std::optional<Failure> rewrite(std::string_view text, Swaps swaps, proxy::WipingBuffer& out) {
    out.reserve(text.size() + spare);
    std::size_t at = 0;
    for (const Swap& swap : swaps) {
      proxy::append(out, text.substr(at, swap.begin - at));
      const auto reason = lend_(found_.uses[swap.use].index).reveal([&](std::span<const std::byte> secret) {
        return append_encoded(out, secret, swap.grammar, part_of(text, swap));
      });
      if (reason) return Failure{swap.use, *reason};
      at = swap.end;
    }
    proxy::append(out, text.substr(at));
    return std::nullopt;
  }

  proxy::RequestHead& head_;
  const Found& found_;
  const LendSecret& lend_;
  std::vector<std::pair<std::size_t, proxy::WipingBuffer>> replacements_;
};

}  // namespace

std::optional<Refused> Injector::inject(proxy::RequestHead& head, const Found& found,
                                        const LendSecret& lend) const {
  Rewriter rewriter(head, found, lend);
  const Swaps all(found.swaps);
  for (std::size_t begin = 0; begin < all.size();) {
    std::size_t end = begin + 1;
    while (end < all.size() && all[end].field == all[begin].field) ++end;
    if (const auto failure = rewriter.place(all.subspan(begin, end - begin))) {
      const Use& use = found.uses[failure->use];
      return Refused{use, unusable_secret(credentials_[use.index]->name, use.site, failure->reason)};
    }
    begin = end;
  }
  std::move(rewriter).apply();
  return std::nullopt;
}

}  // namespace standin::broker
