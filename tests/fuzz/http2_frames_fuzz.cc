// A client's bytes into the session that serves it: whatever comes, what is let through is a head that both
// versions of HTTP read alike, the same however the bytes are cut, and what is held is bounded.
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http2_session.h"

namespace {

using namespace standin::proxy;

void require(bool holds) {
  if (!holds) std::abort();
}

bool is_plain(std::string_view text, bool is_name) {
  for (const char c : text) {
    if (c == '\r' || c == '\n' || c == '\0') return false;
    if (is_name && ((c >= 'A' && c <= 'Z') || c == ' ')) return false;
  }
  return true;
}

std::string describe(const Http2Stream& stream) {
  std::string text = std::to_string(stream.id) + (stream.too_large ? " large" : "");
  for (const auto& head : stream.heads) {
    for (std::size_t i = 0; i < head.block.size(); ++i) {
      const Field field = head.block[i];
      require(!field.name.empty() && is_plain(field.name, true) && is_plain(field.value, false));
      for (const std::string_view hop : {"connection", "transfer-encoding", "upgrade", "keep-alive"})
        require(field.name != hop);
      text.append("\n").append(field.name).append(": ").append(field.value);
    }
  }
  return text;
}

struct Conversation {
  std::vector<std::string> requests;
  std::optional<std::uint64_t> unfinished_head;
  bool was_given_up = false;  // by either side: what the client still asks then may be read or not
};

/// The requests of a connection, which are answered when all of it came.
Conversation converse(std::string_view bytes, std::size_t piece) {
  Http2Session session(Http2Session::Role::server);
  Conversation found;
  std::vector<Http2StreamPointer> streams;
  WipingBuffer out;
  bool goes_on = true;
  for (std::size_t at = 0; goes_on && at < bytes.size(); at += piece) {
    goes_on = session.feed(bytes.substr(at, piece));
    for (auto& stream : session.take_requests()) {
      require(stream != nullptr);
      found.requests.push_back(describe(*stream));
      streams.push_back(stream);
    }
    out.clear();
    session.output(out, 1 << 20);
  }
  found.unfinished_head = session.patience().unfinished_head();
  found.was_given_up = !session.takes_requests();
  std::size_t held = 0;
  for (const auto& stream : streams) held += stream->arrived.size();
  require(held <= 17 << 20 && session.active() <= 128);
  for (const auto& stream : streams) {
    Http2Block answer;
    answer.add(":status", "200");
    session.respond(*stream, answer, true);
    session.taken(*stream, stream->arrived.size());
  }
  out.clear();
  session.output(out, 1 << 20);
  session.lose();
  for (const auto& stream : streams) require(stream->closed);
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view given(reinterpret_cast<const char*>(data), size);
  std::string bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  bytes.append(given);
  const Conversation whole = converse(bytes, bytes.size());
  // What a flood is depends on how much comes at once.
  if (size >= 2048 || whole.was_given_up) return 0;
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}}) {
    const Conversation cut = converse(bytes, piece);
    require(cut.requests == whole.requests && cut.unfinished_head == whole.unfinished_head);
  }
  return 0;
}
