#include "broker/header_parameters.h"

#include <algorithm>

#include "proxy/ascii.h"

namespace standin::broker {
namespace {

constexpr bool is_token_character(char c) noexcept {
  return proxy::is_alnum(c) || std::string_view("!#$%&'*+-.^_`|~").contains(c);
}

/// Reads from the left; each step says whether it was there.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  [[nodiscard]] bool at_end() const noexcept { return text_.empty(); }
  [[nodiscard]] bool at(char c) const noexcept { return text_.starts_with(c); }
  void skip_space() {
    while (!text_.empty() && (text_[0] == ' ' || text_[0] == '\t')) text_.remove_prefix(1);
  }
  bool take(char c) {
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool token(std::string& out, std::string_view more = {}) {
    std::size_t end = 0;
    while (end < text_.size() && (is_token_character(text_[end]) || more.contains(text_[end]))) ++end;
    out = text_.substr(0, end);
    text_.remove_prefix(end);
    return end != 0;
  }
  bool quoted_string(std::string& out) {
    if (!take('"')) return false;
    const std::size_t end = text_.find_first_of("\"\\");
    if (end == text_.npos || text_[end] == '\\') return false;
    out = text_.substr(0, end);
    text_.remove_prefix(end + 1);
    return std::ranges::none_of(out, [](char c) { return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7f; });
  }

 private:
  std::string_view text_;
};

bool parameter(Reader& reader, Parameters::Parameter& out) {
  if (!reader.token(out.name) || !reader.take('=')) return false;
  out.name = proxy::lower(out.name);
  return reader.at('"') ? reader.quoted_string(out.value) : reader.token(out.value);
}

}  // namespace

const std::string* Parameters::find(std::string_view name) const noexcept {
  const auto at = std::ranges::find(rest, name, &Parameter::name);
  return at == rest.end() ? nullptr : &at->value;
}

std::optional<Parameters> parse_parameters(std::string_view text) {
  Reader reader(text);
  Parameters out;
  reader.skip_space();
  if (!reader.token(out.first, "/")) return std::nullopt;
  out.first = proxy::lower(out.first);
  for (reader.skip_space(); !reader.at_end(); reader.skip_space()) {
    if (!reader.take(';')) return std::nullopt;
    reader.skip_space();
    if (reader.at_end()) break;  // "application/json;" is not rare
    Parameters::Parameter next;
    if (!parameter(reader, next) || out.find(next.name) != nullptr) return std::nullopt;
    out.rest.push_back(std::move(next));
  }
  return out;
}

}  // namespace standin::broker
