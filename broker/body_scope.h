#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/injector.h"

namespace standin::broker {

/// The sites of one kind that the credentials of a run have in bodies, each name once.
struct BodySites {
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  std::vector<std::string> names;
  std::vector<std::vector<bool>> belongs;  // [name][credential]

  void add(std::string_view name, std::size_t credential, std::size_t credentials);
  /// The index of a name, or `none`.
  [[nodiscard]] std::size_t find(std::string_view name) const noexcept;
};

/// What may be swapped in the bodies of a run. Copies of the credentials: a body is judged by the scopes that
/// held when it began, and may be on its way for hours while `edit` changes them.
struct BodyScope {
  explicit BodyScope(std::span<const BoundStandIn> stand_ins);

  std::vector<Credential> credentials;  // by index of the stand-in
  Recogniser recogniser;
  BodySites form;
  BodySites json;
  BodySites text;  // of WebSocket messages; without a name

  /// Whether any credential with one of these sites may be sent to `origin`.
  [[nodiscard]] bool any_bound(const BodySites& sites, const proxy::Origin& origin) const noexcept;
};

}  // namespace standin::broker
