#include "broker/part_head.h"

#include <algorithm>

#include "broker/header_parameters.h"
#include "proxy/ascii.h"
#include "proxy/message.h"

namespace standin::broker {
namespace {

std::optional<std::string> name_in(std::string_view disposition) {
  const auto parameters = parse_parameters(disposition);
  if (!parameters || parameters->first != "form-data") return std::nullopt;
  const bool is_plain = std::ranges::none_of(parameters->rest, [](const Parameters::Parameter& p) {
    return p.name == "filename" || p.name.ends_with('*');
  });
  const std::string* name = parameters->find("name");
  if (!is_plain || name == nullptr) return std::nullopt;
  return *name;
}

bool is_field_name(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

std::optional<PartHead> parse_part_head(std::string_view text) {
  PartHead head;
  bool left_alone = false;
  int dispositions = 0;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find("\r\n"));
    const std::size_t colon = line.find(':');
    if (line.find_first_of("\r\n") != line.npos || colon == line.npos || line.size() == text.size())
      return std::nullopt;
    const std::string_view field = line.substr(0, colon);
    if (!is_field_name(field)) return std::nullopt;
    if (proxy::same_name(field, "Content-Transfer-Encoding")) left_alone = true;
    if (proxy::same_name(field, "Content-Disposition")) {
      ++dispositions;
      head.name = name_in(line.substr(colon + 1));
    }
    text.remove_prefix(line.size() + 2);
  }
  if (left_alone || dispositions != 1) head.name.reset();
  return head;
}

}  // namespace standin::broker
