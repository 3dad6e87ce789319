#include "broker/json_path.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace standin::broker {
namespace {

std::string unescaped(std::string_view step) {
  std::string out;
  for (std::size_t at = 0; at < step.size(); ++at) {
    if (step[at] == '~') {
      out += step[++at] == '0' ? '~' : '/';
    } else {
      out += step[at];
    }
  }
  return out;
}

std::vector<std::string> steps_of(std::string_view pointer) {
  std::vector<std::string> steps;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    const std::string_view step = pointer.substr(0, pointer.find('/'));
    steps.push_back(unescaped(step));
    pointer.remove_prefix(step.size());
  }
  return steps;
}

}  // namespace

bool is_json_pointer(std::string_view text) noexcept {
  if (!text.starts_with('/')) return false;
  for (std::size_t at = text.find('~'); at != text.npos; at = text.find('~', at + 1)) {
    if (at + 1 == text.size() || (text[at + 1] != '0' && text[at + 1] != '1')) return false;
  }
  return true;
}

JsonPath::JsonPath(std::span<const std::string> pointers) {
  for (const std::string& pointer : pointers) {
    for (const std::string& step : pointers_.emplace_back(Pointer{steps_of(pointer)}).steps)
      longest_key_ = std::max(longest_key_, step.size() + 1);
  }
}

bool JsonPath::open(Container container) {
  if (levels_.size() == deepest) return false;
  const std::size_t here = levels_.size();
  const bool wanted = std::ranges::any_of(pointers_, [here](const Pointer& pointer) {
    return pointer.taken == here && pointer.steps.size() > here;
  });
  levels_.push_back({container, wanted});
  return true;
}

void JsonPath::close() {
  levels_.pop_back();
  for (Pointer& pointer : pointers_) pointer.taken = std::min(pointer.taken, levels_.size());
}

void JsonPath::key(std::string_view decoded) {
  if (wanted()) step(decoded);
}

void JsonPath::element() {
  if (!wanted()) return;
  std::array<char, 20> digits;  // as a pointer writes it: no leading zero
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), levels_.back().next++).ptr;
  step({digits.data(), end});
}

/// The way here is one step longer than to the container; what a sibling had taken is taken back.
void JsonPath::step(std::string_view name) {
  const std::size_t before = levels_.size() - 1;
  for (Pointer& pointer : pointers_) {
    if (pointer.taken < before) continue;
    const bool taken = pointer.steps.size() > before && pointer.steps[before] == name;
    pointer.taken = taken ? before + 1 : before;
  }
}

std::optional<JsonPath::Container> JsonPath::container() const noexcept {
  if (levels_.empty()) return std::nullopt;
  return levels_.back().container;
}

std::optional<std::size_t> JsonPath::target() const noexcept {
  if (!wanted()) return std::nullopt;
  for (std::size_t i = 0; i < pointers_.size(); ++i) {
    if (pointers_[i].steps.size() == levels_.size() && pointers_[i].taken == levels_.size()) return i;
  }
  return std::nullopt;
}

}  // namespace standin::broker
