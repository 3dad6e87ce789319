// A WebSocket as it passes the boundary: what both ends send, of any bytes, in turns, with stand-ins swapped
// on the way out and secrets scrubbed on the way back. However each turn is cut, both ends must read the
// same, it must end the same, and no secret may be where it was not let go. The first byte says what was
// agreed on; a turn is a byte with its sender (the lowest bit) and length, and so many bytes.
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "broker/response_scrub.h"
#include "broker/websocket_swap.h"
#include "proxy/websocket_switch.h"
#include "tests/proxy/websocket_fixture.h"

namespace {

using namespace standin;

constexpr std::string_view secret_text = "S-e-c-r-e-t";
constexpr std::string_view stand_in = "stand_a";

void require(bool claim) {
  if (!claim) std::abort();
}

struct Turn {
  bool from_client;
  std::string_view bytes;
};

std::vector<Turn> turns_in(std::string_view input) {
  std::vector<Turn> turns;
  while (!input.empty()) {
    const auto head = static_cast<unsigned char>(input.front());
    input.remove_prefix(1);
    const auto bytes = input.substr(0, head >> 1U);
    input.remove_prefix(bytes.size());
    turns.push_back({(head & 1U) != 0, bytes});
  }
  return turns;
}

/// A run with a credential that may be swapped here, and one that belongs elsewhere.
class Run {
 public:
  Run() {
    credential("api.example.com", stand_in);
    credential("other.example", "stand_b");
    swapper_.emplace(bound_);
  }

  struct Result {
    std::string to_origin, to_client;
    std::size_t uses = 0;
    std::optional<std::string> end;  // the code of the refusal
  };

  [[nodiscard]] Result relay(const proxy::WebSocketExtensions& agreed, const std::vector<Turn>& turns,
                             std::size_t piece) const {
    Result result;
    broker::SentSecrets sent;
    proxy::MessageFilters filters;
    filters.from_client = broker::websocket_swap(*swapper_, origin_, calls(result, sent));
    filters.from_server = broker::websocket_scrub(sent, origin_);
    proxy::WatchedWebSocket watched(agreed, std::move(filters));
    const proxy::Passages passages = watched.passages();
    proxy::WipingBuffer to_origin;
    proxy::WipingBuffer to_client;
    bool goes_on = true;
    for (const Turn& turn : turns) {
      proxy::Passage& passage = turn.from_client ? *passages.from_client : *passages.from_origin;
      proxy::WipingBuffer& out = turn.from_client ? to_origin : to_client;
      for (std::size_t at = 0; goes_on && at < turn.bytes.size(); at += piece) {
        const std::size_t before = out.size();
        const auto bytes = turn.bytes.substr(at, piece);
        goes_on = passage.feed(bytes, out);
        if (!agreed.from_client)
          require(out.size() - before <= 16 * bytes.size() + 256);  // what was held, too
      }
    }
    if (const auto why = watched.why_ended()) {
      result.end = why->code;
      passages.from_client->part(to_origin);
      passages.from_origin->part(to_client);
    }
    require(goes_on != result.end.has_value());
    result.to_origin = proxy::view(to_origin);
    result.to_client = proxy::view(to_client);
    return result;
  }

 private:
  broker::BodyCalls calls(Result& result, broker::SentSecrets& sent) const {
    return {.decide = [this, &result, &sent](std::size_t index, const std::string& site)
                -> std::variant<std::monostate, proxy::Refusal> {
              require(index == 0 && site == "ws-text");
              ++result.uses;
              sent.note(origin_, index, 1, secret_, stand_in);
              return std::monostate{};
            },
            .lend = [this, &result](std::size_t) -> const vault::Secret& {
              require(result.uses != 0);
              return secret_;
            },
            .refused = [](const broker::Refused& refused) { require(refused.stands.index == 1); }};
  }
  void credential(std::string_view origin, std::string_view text) {
    auto& made = credentials_.emplace_back();
    made.name = text;
    made.origins = {proxy::OriginPattern::parse(origin)};
    made.sites = {broker::Site::parse("ws-text")};
    bound_.push_back({&made, text});
  }

  std::deque<broker::Credential> credentials_;
  std::vector<broker::BoundStandIn> bound_;
  std::optional<broker::BodySwapper> swapper_;
  vault::Secret secret_ = vault::Secret::copy_of(std::as_bytes(std::span(secret_text)));
  proxy::Origin origin_ = proxy::Origin::from_authority(proxy::Scheme::https, "api.example.com").value();
};

/// What a receiver reads, but for where control frames stand among it, which is all that a cut may change.
std::optional<std::string> content_of(std::string_view bytes, bool masked) {
  const auto messages = proxy::test::messages_in(bytes, masked);
  if (!messages) return std::nullopt;  // it ends within a message
  std::string content;
  for (const auto& message : *messages) {
    if (message.opcode < 8) content += std::to_string(message.opcode) + message.content + '\n';
  }
  return content;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static const Run run;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (input.contains(secret_text)) return 0;  // libFuzzer sees what it is compared with
  proxy::WebSocketExtensions agreed;
  if ((data[0] & 1U) != 0) {
    agreed.from_client = {.takes_over = (data[0] & 2U) != 0, .window_bits = 8 + (data[0] >> 5U)};
    agreed.from_server = {.takes_over = (data[0] & 4U) != 0, .window_bits = 15};
  }
  const auto turns = turns_in(input);
  const auto whole = run.relay(agreed, turns, input.size() + 1);
  const auto pieces = run.relay(agreed, turns, 1 + data[0] % 7U);
  // How much of a damaged deflate stream is read before its fault shows is the cut's to say.
  require(whole.end.has_value() == pieces.end.has_value());
  if (!whole.end) require(whole.uses == pieces.uses);
  if (whole.end)
    require(*whole.end == "bad_request" || *whole.end == "upstream_protocol" || *whole.end == "wrong_origin");
  const auto to_origin = content_of(whole.to_origin, true);
  const auto to_client = content_of(whole.to_client, false);
  if (!whole.end) {
    require(to_origin == content_of(pieces.to_origin, true));
    require(to_client == content_of(pieces.to_client, false));
  }
  if (!to_origin || whole.uses != 0) return 0;
  std::string from_client;
  for (const Turn& turn : turns) from_client += turn.from_client ? turn.bytes : "";
  const auto sent = content_of(from_client, true);
  if (sent && !sent->contains(secret_text)) require(!to_origin->contains(secret_text));
  return 0;
}
