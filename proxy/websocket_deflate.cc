#include "proxy/websocket_deflate.h"

#include <string.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <new>

#define ZLIB_CONST  // zlib does not write its input
#include <zlib.h>

namespace standin::proxy {
namespace {

constexpr std::size_t piece = 16384;
constexpr std::string_view tail("\0\0\xff\xff", 4);  // of a flush; left out between the ends (RFC 7692 7.2.1)
constexpr int memory_level = 8;
constexpr int smallest_window = 9;  // of raw deflate in zlib

/// The window that zlib keeps is plain text, secrets and all.
struct Block {
  alignas(std::max_align_t) std::size_t size;
};

voidpf take(voidpf, uInt items, uInt size) noexcept {
  const std::size_t bytes = std::size_t{items} * size + sizeof(Block);
  auto* block = static_cast<Block*>(::operator new(bytes, std::nothrow));
  if (block == nullptr) return Z_NULL;
  block->size = bytes;
  return block + 1;
}

void give_back(voidpf, voidpf memory) noexcept {
  auto* block = static_cast<Block*>(memory) - 1;
  explicit_bzero(block, block->size);
  ::operator delete(block);
}

void point_at(z_stream& stream, std::string_view input) noexcept {
  stream.next_in = reinterpret_cast<const Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
}

}  // namespace

struct WebSocketInflater::State {
  State() {
    stream.zalloc = take;
    stream.zfree = give_back;
    if (inflateInit2(&stream, -15) != Z_OK) throw std::bad_alloc();  // reads every smaller window too
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    inflateEnd(&stream);
    explicit_bzero(plain.data(), plain.size());
  }
  z_stream stream{};
  std::array<char, piece> plain{};
};

WebSocketInflater::WebSocketInflater() : state_(std::make_unique<State>()) {}
WebSocketInflater::~WebSocketInflater() = default;

bool WebSocketInflater::feed(std::string_view part, const std::function<bool(std::string_view)>& use) {
  auto& [stream, plain] = *state_;
  for (; !part.empty(); part.remove_prefix(std::min(part.size(), piece))) {
    point_at(stream, part.substr(0, piece));
    do {
      stream.next_out = reinterpret_cast<Bytef*>(plain.data());
      stream.avail_out = static_cast<uInt>(piece);
      const int result = inflate(&stream, Z_SYNC_FLUSH);
      // A final block may end a message (RFC 7692 7.2.3.5), and later ones still refer to what was before it.
      if (result == Z_STREAM_END) inflateResetKeep(&stream);
      if (result != Z_OK && result != Z_BUF_ERROR && result != Z_STREAM_END) return false;
      if (!use({plain.data(), plain.size() - stream.avail_out})) return false;
      if (result == Z_BUF_ERROR) break;
    } while (stream.avail_in != 0 || stream.avail_out == 0);
    if (stream.avail_in != 0) return false;
  }
  return true;
}

bool WebSocketInflater::finish(const std::function<bool(std::string_view)>& use) { return feed(tail, use); }

struct WebSocketDeflater::State {
  explicit State(const WebSocketDeflate& deflate) : agreed(deflate) {
    stream.zalloc = take;
    stream.zfree = give_back;
    // zlib has no window of 256 bytes. Stored blocks need none.
    const bool fits = agreed.window_bits >= smallest_window;
    if (deflateInit2(&stream, fits ? Z_DEFAULT_COMPRESSION : Z_NO_COMPRESSION, Z_DEFLATED,
                     -std::max(agreed.window_bits, smallest_window), memory_level,
                     Z_DEFAULT_STRATEGY) != Z_OK)
      throw std::bad_alloc();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    deflateEnd(&stream);
    explicit_bzero(packed.data(), packed.size());
  }

  void run(std::string_view input, int flush, WipingBuffer& out) {
    point_at(stream, input);
    do {
      stream.next_out = reinterpret_cast<Bytef*>(packed.data());
      stream.avail_out = static_cast<uInt>(piece);
      deflate(&stream, flush);
      append(out, {packed.data(), packed.size() - stream.avail_out});
    } while (stream.avail_out == 0);
  }

  WebSocketDeflate agreed;
  z_stream stream{};
  std::array<char, piece> packed{};
};

WebSocketDeflater::WebSocketDeflater(const WebSocketDeflate& agreed)
    : state_(std::make_unique<State>(agreed)) {}
WebSocketDeflater::~WebSocketDeflater() = default;

void WebSocketDeflater::feed(std::string_view part, WipingBuffer& out) {
  for (; !part.empty(); part.remove_prefix(std::min(part.size(), piece)))
    state_->run(part.substr(0, piece), Z_NO_FLUSH, out);
}

void WebSocketDeflater::finish(WipingBuffer& out) {
  state_->run({}, Z_SYNC_FLUSH, out);
  if (view(out).ends_with(tail)) {
    out.resize(out.size() - tail.size());
  } else {
    out.push_back('\0');  // an empty message behind a flush (RFC 7692 7.2.3.6)
  }
  if (!state_->agreed.takes_over) deflateReset(&state_->stream);
}

}  // namespace standin::proxy
