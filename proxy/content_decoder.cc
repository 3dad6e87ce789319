// The decoders behind make_decoder(): each library's streaming interface, in one shape.
#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <new>
#include <string>

#include "proxy/content_coding.h"

namespace standin::proxy {
namespace {

/// How far one step of a library came.
enum class Step : std::uint8_t {
  wants_input,  // all input is taken, and all it told is given out
  has_more,     // the output is full
  ended,        // the stream, or one member of several
  damaged,
};

template <class Native>
class Decoder final : public ExpandingTransform {
 public:
  explicit Decoder(CodedIn in) noexcept : in_(in) {}

  std::optional<Refusal> feed(std::string_view piece, WipingBuffer& out) override {
    std::string_view input = waiting_.empty() ? piece : view(waiting_);
    if (!input.empty()) began_ = true;
    const std::size_t most = out.size() + most_at_once;
    has_more_ = false;
    while (out.size() < most) {
      if (ended_ && (input.empty() || is_over(input))) break;
      ended_ = false;
      const Step step = step_into(out, most - out.size(), input);
      if (step == Step::damaged) return refused("is damaged");
      ended_ = step == Step::ended;
      has_more_ = step == Step::has_more;
      if (step == Step::wants_input) break;
    }
    keep(over_ ? std::string_view() : input);
    return std::nullopt;
  }

  std::optional<Refusal> finish(WipingBuffer&) override {
    if (began_ && !ended_) return refused("ends too early");
    return std::nullopt;
  }

  [[nodiscard]] bool has_more() const noexcept override { return has_more_ || !waiting_.empty(); }

 private:
  /// By way of a buffer of its own: making room in `out` first would clear that, for every small event.
  Step step_into(WipingBuffer& out, std::size_t most, std::string_view& input) {
    std::size_t room = std::min(most, chunk_.size());
    const std::size_t given = room;
    const Step step = native_.step(input, chunk_.data(), room);
    append(out, {chunk_.data(), given - room});
    return step;
  }

  /// At the end of a stream with more behind it.
  bool is_over(std::string_view input) {
    over_ = over_ || !native_.goes_on(input);
    return over_;
  }

  [[nodiscard]] Refusal refused(const char* why) const {
    const std::string what = std::string(Native::name) + " coding " + why;
    if (in_ == CodedIn::request)
      return {400, "bad_request", "the request's " + what,
              "it is decoded because stand-ins are swapped in it"};
    return {502, "upstream_protocol", "the response's " + what,
            "it is decoded because secrets are looked for in it"};
  }

  /// `input` may be a view into what is waiting.
  void keep(std::string_view input) {
    WipingBuffer rest(input.begin(), input.end());
    waiting_.swap(rest);
  }

  CodedIn in_;
  Native native_;
  WipingBuffer chunk_ = WipingBuffer(16 * 1024);
  WipingBuffer waiting_;  // of the piece, what did not fit into the output
  bool has_more_ = false;
  bool began_ = false;
  bool ended_ = false;  // at the end of a stream: the body may end here
  bool over_ = false;   // what comes now is none of it
};

/// zlib for all three formats that it knows.
class Inflater {
 public:
  explicit Inflater(int window_bits) {
    if (inflateInit2(&stream_, window_bits) != Z_OK) throw std::bad_alloc();
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { inflateEnd(&stream_); }

  void restart() noexcept { inflateReset(&stream_); }
  void restart(int window_bits) noexcept { inflateReset2(&stream_, window_bits); }

  /// Takes from `input` and writes to `to`; `room` becomes what is left of it.
  Step step(std::string_view& input, char* to, std::size_t& room) {
    const auto given = static_cast<uInt>(std::min<std::size_t>(input.size(), most_input));
    // zlib's own type has no const without ZLIB_CONST; it does not write there.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
    stream_.avail_in = given;
    stream_.next_out = reinterpret_cast<Bytef*>(to);
    stream_.avail_out = static_cast<uInt>(room);
    const int result = inflate(&stream_, Z_SYNC_FLUSH);
    input.remove_prefix(given - stream_.avail_in);
    room = stream_.avail_out;
    if (result == Z_STREAM_END) return Step::ended;
    // Z_BUF_ERROR only says that there was nothing to do.
    if (result != Z_OK && result != Z_BUF_ERROR) return Step::damaged;
    if (room == 0) return Step::has_more;
    return input.empty() ? Step::wants_input : Step::has_more;
  }

 private:
  static constexpr std::size_t most_input = std::size_t{1} << 30;
  z_stream stream_{};
};

class Gzip {
 public:
  static constexpr const char* name = "gzip";
  Step step(std::string_view& input, char* to, std::size_t& room) { return inflater_.step(input, to, room); }
  /// Another member (RFC 1952 2.2), or something behind the end.
  bool goes_on(std::string_view input) {
    if (input.front() != '\x1f') return false;
    inflater_.restart();
    return true;
  }

 private:
  Inflater inflater_{MAX_WBITS + 16};
};

/// RFC 9110 8.4.1.2 says zlib's format (RFC 1950); some servers send raw deflate (RFC 1951), and browsers
/// take it. The first two bytes tell.
class Deflate {
 public:
  static constexpr const char* name = "deflate";
  Step step(std::string_view& input, char* to, std::size_t& room) {
    if (known_) return inflater_.step(input, to, room);
    while (seen_ < sizeof head_ && !input.empty()) {
      head_[seen_++] = static_cast<unsigned char>(input.front());
      input.remove_prefix(1);
    }
    // One byte is no whole stream of either format.
    if (seen_ < sizeof head_) return Step::wants_input;
    known_ = true;
    if (!is_zlib()) inflater_.restart(-MAX_WBITS);
    std::string_view head(reinterpret_cast<const char*>(head_), sizeof head_);
    const Step step = inflater_.step(head, to, room);
    if (step == Step::wants_input && !input.empty()) return Step::has_more;
    return step;
  }
  bool goes_on(std::string_view) const noexcept { return false; }

 private:
  [[nodiscard]] bool is_zlib() const noexcept {
    return (head_[0] & 0x0f) == 8 && head_[0] >> 4 <= 7 && (head_[0] << 8 | head_[1]) % 31 == 0;
  }
  Inflater inflater_{MAX_WBITS};
  unsigned char head_[2] = {};
  std::size_t seen_ = 0;
  bool known_ = false;
};

class Brotli {
 public:
  static constexpr const char* name = "br";
  Brotli() : state_(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)) {
    if (state_ == nullptr) throw std::bad_alloc();
  }
  Step step(std::string_view& input, char* to, std::size_t& room) {
    std::size_t available = input.size();
    const auto* next = reinterpret_cast<const std::uint8_t*>(input.data());
    auto* next_out = reinterpret_cast<std::uint8_t*>(to);
    const auto result =
        BrotliDecoderDecompressStream(state_.get(), &available, &next, &room, &next_out, nullptr);
    input.remove_prefix(input.size() - available);
    switch (result) {
      case BROTLI_DECODER_RESULT_SUCCESS:
        return Step::ended;
      case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT:
        return Step::wants_input;
      case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT:
        return Step::has_more;
      case BROTLI_DECODER_RESULT_ERROR:
        break;
    }
    return Step::damaged;
  }
  bool goes_on(std::string_view) const noexcept { return false; }

 private:
  struct Free {
    void operator()(BrotliDecoderState* state) const noexcept { BrotliDecoderDestroyInstance(state); }
  };
  std::unique_ptr<BrotliDecoderState, Free> state_;
};

class Zstd {
 public:
  static constexpr const char* name = "zstd";
  Zstd() : context_(ZSTD_createDCtx()) {
    if (context_ == nullptr) throw std::bad_alloc();
    ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, 23);  // 8 MiB: RFC 9659 3
  }
  Step step(std::string_view& input, char* to, std::size_t& room) {
    ZSTD_inBuffer in{input.data(), input.size(), 0};
    ZSTD_outBuffer out{to, room, 0};
    const std::size_t result = ZSTD_decompressStream(context_.get(), &out, &in);
    if (ZSTD_isError(result) != 0) return Step::damaged;
    input.remove_prefix(in.pos);
    room -= out.pos;
    if (result == 0) return Step::ended;
    if (room == 0) return Step::has_more;
    return input.empty() ? Step::wants_input : Step::has_more;
  }
  /// The next frame, or one to be skipped (RFC 8878 3.1); anything else is damage.
  bool goes_on(std::string_view) const noexcept { return true; }

 private:
  struct Free {
    void operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }
  };
  std::unique_ptr<ZSTD_DCtx, Free> context_;
};

}  // namespace

std::unique_ptr<ExpandingTransform> make_decoder(Coding coding, CodedIn in) {
  switch (coding) {
    case Coding::gzip:
      return std::make_unique<Decoder<Gzip>>(in);
    case Coding::deflate:
      return std::make_unique<Decoder<Deflate>>(in);
    case Coding::br:
      return std::make_unique<Decoder<Brotli>>(in);
    case Coding::zstd:
      break;
  }
  return std::make_unique<Decoder<Zstd>>(in);
}

}  // namespace standin::proxy
