#include "tests/websocket_echo.h"

#include <array>

#include <openssl/evp.h>

#include "tests/http_wire.h"

namespace standin::test {
namespace {

constexpr unsigned char final_bit = 0x80, masked_bit = 0x80;
constexpr unsigned char op_close = 0x8, op_ping = 0x9, op_pong = 0xa;

std::string accept_key(const std::string& key) {
  const std::string text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455 1.3
  std::array<unsigned char, 20> digest{};
  EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha1(), nullptr);
  return base64({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

std::uint64_t read_number(Stream& stream, std::size_t octets) {
  std::uint64_t value = 0;
  for (const char c : stream.read_exactly(octets)) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

std::string length_octets(std::size_t size) {
  if (size < 126) return {static_cast<char>(size)};
  std::string text{static_cast<char>(size < 65536 ? 126 : 127)};
  for (int shift = size < 65536 ? 8 : 56; shift >= 0; shift -= 8)
    text += static_cast<char>(size >> shift & 255);
  return text;
}

void echo_frames(Conversation& with) {
  unsigned char opcode = 0;
  while (opcode != op_close) {
    const auto first = static_cast<unsigned char>(with.stream.read_exactly(1)[0]);
    const auto second = static_cast<unsigned char>(with.stream.read_exactly(1)[0]);
    std::uint64_t size = second & 0x7f;
    if (size == 126) size = read_number(with.stream, 2);
    if (size == 127) size = read_number(with.stream, 8);
    const std::string mask = (second & masked_bit) != 0 ? with.stream.read_exactly(4) : std::string(4, '\0');
    std::string payload = with.stream.read_exactly(static_cast<std::size_t>(size));
    for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>(payload[i] ^ mask[i % 4]);
    opcode = first & 0xf;
    const unsigned char answer = opcode == op_ping ? final_bit | op_pong : first;
    with.stream.write(static_cast<char>(answer) + length_octets(payload.size()) + payload);
  }
}

}  // namespace

Reply websocket_echo(const Received& request, const std::string& extensions) {
  const auto key = request.field("sec-websocket-key");
  if (!key) return Reply::body(400, "not a WebSocket handshake\n");
  Fields fields = {{"Sec-WebSocket-Accept", accept_key(*key)}};
  if (!extensions.empty()) fields.push_back({"Sec-WebSocket-Extensions", extensions});
  return Reply::upgrade("websocket", echo_frames, fields);
}

}  // namespace standin::test
