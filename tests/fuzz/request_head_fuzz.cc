// A request's head, from bytes to what the origin gets. Whatever is let through is one head, however it is
// cut, and reads the same to the next parser.
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/head_scanner.h"
#include "proxy/http1.h"
#include "proxy/relayed_head.h"

namespace {

using namespace standin::proxy;
using State = HeadScanner::State;

void require(bool holds) {
  if (!holds) std::abort();
}

/// The length of the head at the front of `bytes`; 0 where there is none.
std::size_t scan(std::string_view bytes, std::size_t piece) {
  HeadScanner scanner;
  State state = State::more;
  for (std::size_t at = 0; at < bytes.size() && state == State::more; at += piece)
    state = scanner.feed(bytes.substr(at, piece));
  return state == State::done ? scanner.length() : 0;
}

/// What says where a message ends, and whom it is for. "chunked" goes on in lower case, however it came.
std::vector<std::string> framing_of(const RequestParser& parser) {
  std::vector<std::string> found;
  for (const Field& field : parser.fields) {
    for (const char* name : {"content-length", "transfer-encoding", "host"}) {
      const bool is_chunked = same_name(field.value, "chunked");
      if (same_name(field.name, name))
        found.push_back(name + (": " + std::string(is_chunked ? "chunked" : field.value)));
    }
  }
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::size_t length = scan(bytes, size + 1);
  require(scan(bytes, 1) == length && scan(bytes, 7) == length);
  if (length == 0) return 0;
  const std::string head_bytes(bytes.substr(0, length));
  require(head_bytes.ends_with("\r\n\r\n") && head_bytes.find("\r\n\r\n") == length - 4);

  RequestParser parser;
  if (!parser.parse_head(head_bytes).empty() || !parser.check_framing().empty()) return 0;
  RequestHead head;
  head.method = parser.method;
  head.target = parser.target;
  head.fields = parser.fields;
  require(is_sendable(head));
  WipingBuffer sent;
  write_request_head(sent, head, Origin{Scheme::https, "origin.example", 443}, parser.framing(), {}, nullptr);

  require(scan(view(sent), sent.size()) == sent.size());
  RequestParser next;
  require(next.parse_head(view(sent)).empty());
  if (parser.version >= 11) require(next.check_framing().empty());
  require(next.method == parser.method && next.target == parser.target);
  auto expected = framing_of(parser);
  const auto got = framing_of(next);
  if (!find_field(parser.fields, "host")) expected.insert(expected.begin(), "host: origin.example");
  require(got == expected);
  const Field* coding = find_field(next.fields, "transfer-encoding");
  require(!coding || coding->value == "chunked");
  require(next.framing() == parser.framing());
  return 0;
}
