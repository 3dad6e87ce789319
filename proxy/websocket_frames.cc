#include "proxy/websocket_frames.h"

#include <openssl/rand.h>

#include "proxy/openssl_handles.h"

namespace standin::proxy {
namespace {

constexpr unsigned bit_final = 0x80, bit_compressed = 0x40, bits_reserved = 0x30, bit_masked = 0x80;
constexpr std::uint64_t longest_control = 125;

constexpr unsigned octet(char c) noexcept { return static_cast<unsigned char>(c); }

constexpr std::size_t length_octets(unsigned short_length) noexcept {
  return short_length == 127 ? 8 : short_length == 126 ? 2 : 0;
}

}  // namespace

WebSocketHeadReader::Result WebSocketHeadReader::take(char byte) noexcept {
  if (whole_) {
    whole_ = false;
    size_ = 0;
    wanted_ = 2;
  }
  bytes_[size_++] = byte;
  if (size_ == 2)
    wanted_ += length_octets(octet(bytes_[1]) & 0x7f) + ((octet(bytes_[1]) & bit_masked) != 0 ? 4 : 0);
  if (size_ < wanted_) return Result::more;
  whole_ = true;
  read();
  return is_sound() ? Result::whole : Result::fault;
}

void WebSocketHeadReader::read() noexcept {
  const unsigned first = octet(bytes_[0]);
  const unsigned second = octet(bytes_[1]);
  frame_ = {.final = (first & bit_final) != 0,
            .compressed = (first & bit_compressed) != 0,
            .opcode = static_cast<std::uint8_t>(first & 0xf),
            .masked = (second & bit_masked) != 0,
            .length = second & 0x7f};
  std::size_t at = 2;
  if (const std::size_t octets = length_octets(second & 0x7f); octets != 0) {
    frame_.length = 0;
    for (const std::size_t end = at + octets; at < end; ++at)
      frame_.length = frame_.length << 8 | octet(bytes_[at]);
  }
  for (std::size_t i = 0; frame_.masked && i < 4; ++i) frame_.mask[i] = bytes_[at++];
}

bool WebSocketHeadReader::is_sound() const noexcept {
  if ((octet(bytes_[0]) & bits_reserved) != 0 || (frame_.opcode & 7) > 2) return false;
  if (frame_.masked != (sender_ == WebSocketSender::client)) return false;
  if (frame_.is_control()) return frame_.final && !frame_.compressed && frame_.length <= longest_control;
  if (frame_.opcode == WebSocketFrame::continuation && frame_.compressed) return false;
  // The shortest spelling only (RFC 6455 5.2), and no sign bit.
  const std::size_t octets = length_octets(octet(bytes_[1]) & 0x7f);
  return octets == 0 ||
         (octets == 2 ? frame_.length >= 126 : frame_.length >= 65536 && frame_.length >> 63 == 0);
}

void apply_mask(WipingBuffer& payload, const std::array<char, 4>& mask, std::uint64_t offset) noexcept {
  for (std::size_t i = 0; i < payload.size(); ++i)
    payload[i] = static_cast<char>(payload[i] ^ mask[(offset + i) % 4]);
}

void append_frame(WipingBuffer& out, WebSocketSender sender, const WebSocketFrame& frame,
                  std::string_view payload) {
  const bool masked = sender == WebSocketSender::client;
  const unsigned mask_bit = masked ? bit_masked : 0;
  out.push_back(static_cast<char>((frame.final ? bit_final : 0) | (frame.compressed ? bit_compressed : 0) |
                                  frame.opcode));
  const std::size_t size = payload.size();
  const unsigned short_length = size < 126 ? static_cast<unsigned>(size) : size < 65536 ? 126 : 127;
  out.push_back(static_cast<char>(mask_bit | short_length));
  for (std::size_t left = length_octets(short_length); left-- > 0;)
    out.push_back(static_cast<char>(size >> (8 * left) & 0xff));
  if (!masked) return append(out, payload);

  // Not to be foreseen by whoever wrote the payload (RFC 6455 10.3).
  std::array<unsigned char, 4> mask;
  if (RAND_bytes(mask.data(), mask.size()) != 1) throw_openssl_error("cannot mask a frame");
  for (const unsigned char byte : mask) out.push_back(static_cast<char>(byte));
  for (std::size_t i = 0; i < size; ++i) out.push_back(static_cast<char>(octet(payload[i]) ^ mask[i % 4]));
}

void append_close(WipingBuffer& out, WebSocketSender sender, std::uint16_t code) {
  const std::array<char, 2> payload = {static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
  append_frame(out, sender, {.final = true, .opcode = WebSocketFrame::close},
               {payload.data(), payload.size()});
}

}  // namespace standin::proxy
