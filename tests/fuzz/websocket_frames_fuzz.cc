// What a client sends over a WebSocket, of any bytes: the first says what was agreed on. However it is cut,
// the origin must get the same messages, the other frames as they came, and memory must stay bounded.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/proxy/websocket_fixture.h"

namespace {

using namespace standin::proxy;

void require(bool claim) {
  if (!claim) std::abort();
}

/// Lets everything through, byte by byte late: what came last is held.
class Late final : public BodyTransform {
 public:
  std::optional<Refusal> feed(std::string_view piece, WipingBuffer& out) override {
    for (const char c : piece) {
      if (held_) out.push_back(*held_);
      held_ = c;
    }
    return std::nullopt;
  }
  std::optional<Refusal> finish(WipingBuffer& out) override {
    if (held_) out.push_back(*held_);
    return std::nullopt;
  }

 private:
  std::optional<char> held_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::optional<WebSocketDeflate> deflate;
  if ((data[0] & 1) != 0) deflate = {.takes_over = (data[0] & 2) != 0, .window_bits = 8 + (data[0] >> 5)};
  const auto relayed = [&](std::size_t piece) {
    return test::relay({WebSocketSender::client, deflate, [] { return std::make_unique<Late>(); }}, bytes,
                       piece);
  };
  const auto whole = relayed(size);
  const auto pieces = relayed(1 + data[0] % 7);
  require(whole.end.has_value() == pieces.end.has_value());
  if (whole.end) {
    require(whole.end->code == 1002 && !whole.end->refusal);
    return 0;
  }
  const auto messages = test::messages_in(whole.out, true);
  if (!messages) return 0;  // it ends within a message
  const auto in_pieces = test::messages_in(pieces.out, true);
  require(in_pieces && in_pieces->size() == messages->size());
  // Where a frame of control stands is the only thing that pieces may change.
  std::string content;
  std::string content_in_pieces;
  for (std::size_t i = 0; i < messages->size(); ++i) {
    if ((*messages)[i].opcode < 8) content += (*messages)[i].content;
    if ((*in_pieces)[i].opcode < 8) content_in_pieces += (*in_pieces)[i].content;
  }
  require(content == content_in_pieces);
  const auto sent = test::messages_in(bytes, true);
  if (sent) require(sent->size() == messages->size());
  return 0;
}
