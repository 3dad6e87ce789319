#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/websocket_relay.h"

namespace standin::proxy::test {

/// A frame as a test writes it, every bit as told.
struct Frame {
  unsigned first;  // FIN, RSV and opcode: 0x81 is a whole text
  std::string payload;
  bool masked = true;
  unsigned length_octets = 0;  // a longer spelling of the length
};

inline std::string bytes_of(const Frame& frame) {
  std::string out(1, static_cast<char>(frame.first));
  const std::size_t size = frame.payload.size();
  const std::size_t octets = frame.length_octets != 0 ? frame.length_octets
                             : size < 126             ? 0
                             : size < 65536           ? 2
                                                      : 8;
  const std::size_t spelled = octets == 0 ? size : octets == 2 ? 126 : 127;
  out += static_cast<char>(spelled | (frame.masked ? 0x80U : 0U));
  for (std::size_t left = octets; left-- > 0;) out += static_cast<char>(size >> (8 * left));
  const std::string mask = frame.masked ? "\x11\x82\xf3\x44" : std::string(4, '\0');
  if (frame.masked) out += mask;
  for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(frame.payload[i] ^ mask[i % 4]);
  return out;
}
inline std::string bytes_of(const std::vector<Frame>& frames) {
  std::string out;
  for (const Frame& frame : frames) out += bytes_of(frame);
  return out;
}

/// A message, or a control frame, as its receiver reads it.
struct Message {
  unsigned opcode;
  std::string content;
  bool compressed = false;
  bool operator==(const Message&) const = default;
};
inline std::ostream& operator<<(std::ostream& out, const Message& m) {
  return out << m.opcode << (m.compressed ? "c" : "") << ":" << m.content;
}

/// Reads whole frames; a compressed message is inflated. nullopt where a receiver would object.
inline std::optional<std::vector<Message>> messages_in(std::string_view bytes, bool masked) {
  std::vector<Message> out;
  std::optional<Message> open;
  WebSocketInflater inflater;
  while (!bytes.empty()) {
    if (bytes.size() < 2) return std::nullopt;
    const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    const unsigned first = octet(0);
    std::size_t size = octet(1) & 0x7fU;
    if (((octet(1) & 0x80U) != 0) != masked) return std::nullopt;
    const std::size_t octets = size == 126 ? 2 : size == 127 ? 8 : 0;
    std::size_t at = 2 + octets;
    if (bytes.size() < at + (masked ? 4 : 0)) return std::nullopt;
    if (octets != 0) size = 0;
    for (std::size_t i = 2; i < at; ++i) size = size << 8 | octet(i);
    std::string mask(4, '\0');
    if (masked) mask = bytes.substr(at, 4);
    at += masked ? 4 : 0;
    if (size > bytes.size() - at) return std::nullopt;  // it may be a length that no sum holds
    std::string payload(bytes.substr(at, size));
    for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<char>(payload[i] ^ mask[i % 4]);
    bytes.remove_prefix(at + size);
    const unsigned opcode = first & 0xf;
    if (opcode >= 8) {
      out.push_back({opcode, payload});
      continue;
    }
    if ((opcode == 0) != open.has_value()) return std::nullopt;
    if (!open) open = Message{opcode, {}, (first & 0x40) != 0};
    open->content += payload;
    if ((first & 0x80) == 0) continue;
    if (open->compressed) {
      std::string plain;
      const auto use = [&](std::string_view piece) {
        plain += piece;
        return true;
      };
      if (!inflater.feed(open->content, use) || !inflater.finish(use)) return std::nullopt;
      open->content = plain;
    }
    out.push_back(*open);
    open.reset();
  }
  if (open) return std::nullopt;
  return out;
}

/// Compresses as an endpoint with context takeover does.
class Compressor {
 public:
  explicit Compressor(WebSocketDeflate agreed = {}) : deflater_(agreed) {}
  std::string operator()(std::string_view text) {
    WipingBuffer out;
    deflater_.feed(text, out);
    deflater_.finish(out);
    return std::string(view(out));
  }

 private:
  WebSocketDeflater deflater_;
};

/// Replaces each 's' by "SECRET", holds back every 'h' until the next byte, and refuses at a '!'.
class Letters final : public BodyTransform {
 public:
  std::optional<Refusal> feed(std::string_view piece, WipingBuffer& out) override {
    for (const char c : piece) {
      if (c == '!') return Refusal{503, "audit_unavailable", "", ""};
      if (held_) out.push_back('h');
      held_ = c == 'h';
      if (!held_) append(out, c == 's' ? "SECRET" : std::string_view(&c, 1));
    }
    return std::nullopt;
  }
  std::optional<Refusal> finish(WipingBuffer& out) override {
    if (held_) out.push_back('h');
    return std::nullopt;
  }

 private:
  bool held_ = false;
};

inline std::unique_ptr<BodyTransform> letters() { return std::make_unique<Letters>(); }

struct Relayed {
  std::string out;
  std::optional<WebSocketEnd> end;
};

inline Relayed relay(WebSocketDirection direction, std::string_view bytes, std::size_t piece) {
  Relayed relayed;
  WipingBuffer out;
  for (; !bytes.empty() && !relayed.end; bytes.remove_prefix(std::min(piece, bytes.size())))
    relayed.end = direction.feed(bytes.substr(0, piece), out);
  relayed.out = view(out);
  return relayed;
}

}  // namespace standin::proxy::test
