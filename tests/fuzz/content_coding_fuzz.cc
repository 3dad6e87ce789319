// A body that claims codings: the first byte says which and how many, the second how it is cut. However it is
// cut the same comes out, in pieces that are bounded. And the values of the two fields, of any bytes.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/decoded_body.h"

namespace {

using namespace standin::proxy;

void require(bool claim) {
  if (!claim) std::abort();
}

class PassedOn final : public BodyTransform {
 public:
  std::optional<Refusal> feed(std::string_view piece, WipingBuffer& out) override {
    append(out, piece);
    return std::nullopt;
  }
  std::optional<Refusal> finish(WipingBuffer&) override { return std::nullopt; }
};

struct Result {
  bool refused = false;
  std::string text;
};

constexpr std::size_t enough = 4 * 1024 * 1024;  // of a bomb

Result decode(const std::vector<Coding>& codings, std::string_view body, std::size_t size) {
  DecodedBody decoded(codings, std::make_unique<PassedOn>());
  Result result;
  for (; !body.empty(); body.remove_prefix(std::min(size, body.size()))) {
    // Its own memory, so that the sanitizer sees a read past its end.
    const std::string_view part = body.substr(0, size);
    const std::vector<char> bytes(part.begin(), part.end());
    std::string_view piece(bytes.data(), bytes.size());
    do {
      WipingBuffer out;
      result.refused = decoded.feed(piece, out).has_value();
      require(out.size() <= 2 * ExpandingTransform::most_at_once);
      result.text += view(out);
      piece = {};
      if (result.refused || result.text.size() > enough) return result;
    } while (decoded.has_more());
  }
  WipingBuffer out;
  result.refused = decoded.finish(out).has_value();
  return result;
}

void check_fields(std::string_view value) {
  (void)read_codings(value);
  const std::string narrowed = narrow_accept_encoding(value);
  require(!narrowed.empty() && narrow_accept_encoding(narrowed) == narrowed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 2, size - 2);
  check_fields(body);
  std::vector<Coding> codings = {static_cast<Coding>(data[0] & 3)};
  if ((data[0] & 4) != 0) codings.push_back(static_cast<Coding>(data[0] >> 3 & 3));

  const Result whole = decode(codings, body, size);
  const Result cut = decode(codings, body, data[1] % 64U + 1);
  if (whole.text.size() > enough || cut.text.size() > enough) return 0;
  require(whole.refused == cut.refused);
  // What a damaged stream told before the damage depends on the pieces; what is whole does not.
  if (whole.refused) return 0;
  require(whole.text == cut.text);
  return 0;
}
