// Stand-ins and a text of any bytes: the first line of the input, cut at spaces, is the stand-ins, and the
// rest the text. What is found must be what stands there, in order, and redaction must leave none of it.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "broker/recogniser.h"
#include "broker/redaction.h"

namespace {

using standin::broker::Recogniser;

void require(bool claim) {
  if (!claim) std::abort();
}

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> found;
  for (std::size_t at = 0; at <= line.size();) {
    const std::size_t end = std::min(line.find(' ', at), line.size());
    found.push_back(line.substr(at, end - at));
    at = end + 1;
  }
  return found;
}

/// Whether text[begin, end) is `stand_in`, some of its characters as %XX.
bool stands(std::string_view text, std::size_t begin, std::size_t end, std::string_view stand_in) {
  for (const char c : stand_in) {
    if (begin >= end) return false;
    if (text[begin] == c) {
      ++begin;
      continue;
    }
    const auto decoded = standin::broker::percent_decode_at(text, begin);
    if (decoded.length != 3 || decoded.byte != static_cast<unsigned char>(c)) return false;
    begin += 3;
  }
  return begin == end;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t newline = std::min(input.find('\n'), input.size());
  const auto stand_ins = words(input.substr(0, newline));
  const std::string_view text = input.substr(std::min(newline + 1, input.size()));

  const Recogniser recogniser(stand_ins);
  std::size_t at = 0;
  while (const auto match = recogniser.next(text, at)) {
    require(match->begin >= at && match->end > match->begin && match->end <= text.size());
    require(stands(text, match->begin, match->end, stand_ins[match->index]));
    at = match->end;
  }
  for (const auto stand_in : stand_ins)
    require(stand_in.empty() || text.find(stand_in, at) == std::string_view::npos);

  const std::string redacted = standin::broker::redact_target(text, recogniser);
  require(redacted.size() <= 1024);
  for (const char c : redacted) require(static_cast<unsigned char>(c) > 0x20 && c != 0x7f);
  return 0;
}
