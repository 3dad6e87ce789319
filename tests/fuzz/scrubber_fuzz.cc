// A body of any bytes, cut as the first byte says. However it is cut the same comes out; no secret stands in
// that as it is, no Basic value alone; and where nothing was replaced, it is what came in.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/scrubber.h"

namespace {

using namespace standin;

void require(bool claim) {
  if (!claim) std::abort();
}

// Short, with much that is read in two ways. No stand-in makes a part of a secret.
constexpr std::string_view secrets[] = {"%25%2\\\\u0", "aaaaaaaa", "aaaaaaaaab",
                                        "\"/ +\xc3\xbc\xf0\x9f\x94\x91"};
constexpr std::string_view basic = "YTpiYTpi";

broker::ScrubPatterns make_patterns() {
  broker::ScrubPatterns patterns;
  for (const auto secret : secrets) require(patterns.add(std::as_bytes(std::span(secret)), "ZZZ"));
  require(patterns.add_basic(basic, "ZZZ="));
  return patterns;
}

std::string scrub(const broker::ScrubPatterns& patterns, std::string_view body, std::size_t size) {
  broker::Scrubber scrubber(patterns);
  proxy::WipingBuffer out;
  for (; !body.empty(); body.remove_prefix(std::min(size, body.size()))) {
    // Its own memory, so that the sanitizer sees a read past its end.
    const std::string_view part = body.substr(0, size);
    const std::vector<char> piece(part.begin(), part.end());
    require(!scrubber.feed({piece.data(), piece.size()}, out));
    require(scrubber.held() <= patterns.longest());
  }
  require(!scrubber.finish(out));
  return std::string(proxy::view(out));
}

bool is_base64(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '+' || c == '/' ||
         c == '-' || c == '_';
}

/// Not behind other base64: there it may begin with the character that the end of a secret before it shares,
/// which stays, and the two are one text that is no Basic value.
bool has_alone(std::string_view text, std::string_view value) {
  for (auto at = text.find(value); at != text.npos; at = text.find(value, at + 1)) {
    if (at == 0 || !is_base64(text[at - 1])) return true;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto patterns = make_patterns();
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string whole = scrub(patterns, body, size);
  require(scrub(patterns, body, data[0] % 16U + 1) == whole);
  for (const auto secret : secrets) require(!std::string_view(whole).contains(secret));
  require(!has_alone(whole, basic));

  const auto at_once = broker::scrubbed(patterns, body);
  require(at_once ? proxy::view(*at_once) == whole : whole == body);
  return 0;
}
