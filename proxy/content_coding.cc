#include "proxy/content_coding.h"

#include <algorithm>
#include <array>

#include "proxy/ascii.h"

namespace standin::proxy {
namespace {

struct NamedCoding {
  std::string_view name;
  std::optional<Coding> coding;  // none: identity
};
constexpr std::array<NamedCoding, 6> known = {{{"gzip", Coding::gzip},
                                               {"x-gzip", Coding::gzip},  // RFC 9110 8.4.1.3
                                               {"deflate", Coding::deflate},
                                               {"br", Coding::br},
                                               {"zstd", Coding::zstd},
                                               {"identity", std::nullopt}}};

const NamedCoding* find_coding(std::string_view name) {
  const auto* found = std::ranges::find(known, lower(name), &NamedCoding::name);
  return found == known.end() ? nullptr : found;
}

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view space = " \t";
  const std::size_t begin = text.find_first_not_of(space);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(space) + 1 - begin);
}

/// The elements of a list (RFC 9110 5.6.1), empty ones left out.
std::vector<std::string_view> elements(std::string_view list) {
  std::vector<std::string_view> all;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    if (const auto element = trimmed(list.substr(0, comma)); !element.empty()) all.push_back(element);
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return all;
}

std::string_view name_of(std::string_view element) noexcept {
  return trimmed(element.substr(0, element.find(';')));
}

/// Of weight 0 (RFC 9110 12.4.2): "q=0", "q=0.", "q=0.000".
bool is_forbidden(std::string_view element) noexcept {
  const std::size_t semicolon = element.find(';');
  if (semicolon == std::string_view::npos) return false;
  const std::string_view weight = trimmed(element.substr(semicolon + 1));
  return weight.size() >= 3 && lower(weight[0]) == 'q' && weight[1] == '=' &&
         weight.find_first_not_of("0.", 2) == std::string_view::npos;
}

}  // namespace

std::optional<std::vector<Coding>> read_codings(std::string_view content_encoding) {
  std::vector<Coding> codings;
  for (const std::string_view element : elements(content_encoding)) {
    const NamedCoding* found = find_coding(element);
    if (found == nullptr) return std::nullopt;
    if (found->coding) codings.push_back(*found->coding);
  }
  if (codings.size() > most_codings) return std::nullopt;
  return codings;
}

std::string narrow_accept_encoding(std::string_view accept_encoding) {
  const auto wanted = elements(accept_encoding);
  const auto is_named = [&](const NamedCoding& coding) {
    return std::ranges::any_of(wanted, [&](std::string_view e) { return lower(name_of(e)) == coding.name; });
  };
  std::string out;
  const auto add = [&](std::string_view name, std::string_view weight) {
    if (!out.empty()) out += ", ";
    out.append(name).append(weight);
  };
  for (const std::string_view element : wanted) {
    const std::string_view name = name_of(element);
    if (name != "*" || is_forbidden(element)) {
      if (name == "*" || find_coding(name) != nullptr) add(element, {});
      continue;
    }
    for (const NamedCoding& coding : known) {
      // identity is allowed without being named (RFC 9110 12.5.3).
      if (coding.coding && coding.name != "x-gzip" && !is_named(coding)) {
        add(coding.name, element.substr(name.size()));
      }
    }
  }
  return out.empty() ? "identity" : out;
}

}  // namespace standin::proxy
