// A chunked body, as it is read from one side and written to the other. However it is cut, the same bytes
// come out; and what comes out is a chunked body with the same payload, to a second parser.
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http1.h"

namespace {

using namespace standin::proxy;

void require(bool holds) {
  if (!holds) std::abort();
}

struct Result {
  bool malformed = false;
  bool done = false;
  std::string bytes;
  std::size_t used = 0;
};

/// Feeds `bytes` in pieces of that size as exchange.cc does: what was not taken is given again with more
/// behind.
Result relay(std::string_view bytes, std::size_t piece, Framing out) {
  ResponseParser parser;
  require(parser.parse_head("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").empty());
  BodyPieces body(out);
  Result result;
  std::size_t begin = 0;
  for (std::size_t end = 0; end < bytes.size() && !parser.is_done();) {
    end = std::min(end + piece, bytes.size());
    body.clear();
    // Its own memory, so that the sanitizer sees a read past its end.
    const std::vector<char> inbox(bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                                  bytes.begin() + static_cast<std::ptrdiff_t>(end));
    const auto consumed = parser.parse_body({inbox.data(), inbox.size()}, body);
    if (!consumed) return {.malformed = true, .done = false, .bytes = {}, .used = 0};
    result.bytes += body.bytes();
    begin += *consumed;
    require(begin <= end);
  }
  result.done = parser.is_done();
  result.used = begin;
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size < 1) return 0;
  const std::size_t piece = data[0] % 32 + 1;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Result whole = relay(bytes, size, Framing::until_close);
  const Result cut = relay(bytes, piece, Framing::until_close);
  require(whole.malformed == cut.malformed && whole.done == cut.done);
  require(whole.bytes == cut.bytes && whole.used == cut.used);
  if (!whole.done) return 0;

  const Result framed = relay(bytes, piece, Framing::chunked);
  require(framed.done && framed.used == whole.used);
  const Result again = relay(framed.bytes, size + framed.bytes.size(), Framing::until_close);
  require(again.done && again.used == framed.bytes.size() && again.bytes == whole.bytes);
  return 0;
}
