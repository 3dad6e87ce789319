#include "broker/redaction.h"

#include <algorithm>

namespace standin::broker {
namespace {

constexpr std::string_view removed = "…";
constexpr std::size_t max_bytes = 1024;

void append_printable(std::string& out, std::string_view text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  constexpr auto is_printable = [](char c) { return c > 0x20 && c < 0x7f; };
  while (!text.empty()) {
    const auto end = std::ranges::find_if_not(text, is_printable);
    const auto printable = static_cast<std::size_t>(end - text.begin());
    out.append(text.substr(0, printable));
    if (printable == text.size()) return;
    const auto byte = static_cast<unsigned char>(*end);
    out.append({'%', hex[byte >> 4], hex[byte & 15]});
    text.remove_prefix(printable + 1);
  }
}

void append_without_stand_ins(std::string& out, std::string_view text, const Recogniser& recogniser) {
  std::size_t at = 0;
  while (const auto match = recogniser.next(text, at)) {
    append_printable(out, text.substr(at, match->begin - at));
    out += removed;
    at = match->end;
  }
  append_printable(out, text.substr(at));
}

/// Appends what stands in front of the host in "http://user:password@host/" (or in a CONNECT's target), the
/// password being nobody's to log, and takes it off `target`.
void append_without_userinfo(std::string& out, std::string_view& target) {
  if (target.starts_with('/')) return;
  const std::size_t scheme = target.find("://");
  const std::size_t begin = scheme == std::string_view::npos ? 0 : scheme + 3;
  const std::size_t at = target.substr(0, target.find_first_of("/?#", begin)).rfind('@');
  if (at == std::string_view::npos || at < begin) return;
  append_printable(out, target.substr(0, begin));
  out += removed;
  target.remove_prefix(at);
}

void append_query(std::string& out, std::string_view query, const Recogniser& recogniser) {
  for (std::size_t at = 0; at < query.size() && out.size() <= max_bytes;) {
    const std::string_view parameter = query.substr(at, query.find('&', at) - at);
    const std::size_t equals = parameter.find('=');
    // A parameter without '=' may be a value by itself ("?ghp_...").
    if (equals != std::string_view::npos) {
      append_without_stand_ins(out, parameter.substr(0, equals + 1), recogniser);
    }
    if (equals + 1 != parameter.size()) out += removed;
    at += parameter.size();
    if (at < query.size()) out += query[at++];
  }
}

/// Not within "…" or "%XX": what is cut must still read as what it was.
void cut(std::string& text) {
  if (text.size() <= max_bytes) return;
  std::size_t end = max_bytes - removed.size();
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  const std::size_t percent = text.rfind('%', end - 1);
  if (percent != std::string::npos && end - percent < 3) end = percent;
  text.resize(end);
  text += removed;
}

}  // namespace

std::string redact_target(std::string_view target, const Recogniser& recogniser) {
  std::string out;
  out.reserve(std::min(target.size(), max_bytes) + 16);
  append_without_userinfo(out, target);
  const std::size_t query = std::min(target.find('?'), target.size());
  append_without_stand_ins(out, target.substr(0, query), recogniser);
  if (query < target.size()) {
    out += '?';
    append_query(out, target.substr(query + 1), recogniser);
  }
  cut(out);
  return out;
}

}  // namespace standin::broker
