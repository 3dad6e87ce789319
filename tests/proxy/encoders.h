#pragma once

#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/content_coding.h"

// The compressors of the libraries themselves, one text in parts: what is flushed behind each part is all
// that a reader needs to know the part.
namespace standin::proxy {

enum class End { finished, flushed };
enum class Format { gzip, zlib, raw_deflate, br, zstd };

inline std::string deflated(const std::vector<std::string>& parts, int window_bits, End end = End::finished) {
  z_stream stream{};
  if (deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc();
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    std::string part = parts[i];
    std::string room(part.size() + 1024, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(part.data());
    stream.avail_in = static_cast<uInt>(part.size());
    stream.next_out = reinterpret_cast<Bytef*>(room.data());
    stream.avail_out = static_cast<uInt>(room.size());
    deflate(&stream, i + 1 == parts.size() && end == End::finished ? Z_FINISH : Z_SYNC_FLUSH);
    out += room.substr(0, room.size() - stream.avail_out);
  }
  deflateEnd(&stream);
  return out;
}

inline std::string brotlied(const std::vector<std::string>& parts, End end = End::finished) {
  auto* state = BrotliEncoderCreateInstance(nullptr, nullptr, nullptr);
  BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY, 5);
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    std::string room(parts[i].size() + 1024, '\0');
    std::size_t in = parts[i].size(), left = room.size();
    const auto* next_in = reinterpret_cast<const std::uint8_t*>(parts[i].data());
    auto* next_out = reinterpret_cast<std::uint8_t*>(room.data());
    BrotliEncoderCompressStream(
        state,
        i + 1 == parts.size() && end == End::finished ? BROTLI_OPERATION_FINISH : BROTLI_OPERATION_FLUSH, &in,
        &next_in, &left, &next_out, nullptr);
    out += room.substr(0, room.size() - left);
  }
  BrotliEncoderDestroyInstance(state);
  return out;
}

inline std::string zstded(const std::vector<std::string>& parts, int window_log = 20,
                          End end = End::finished) {
  auto* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    std::string room(ZSTD_compressBound(parts[i].size()) + 1024, '\0');
    ZSTD_inBuffer in{parts[i].data(), parts[i].size(), 0};
    ZSTD_outBuffer to{room.data(), room.size(), 0};
    ZSTD_compressStream2(context, &to, &in,
                         i + 1 == parts.size() && end == End::finished ? ZSTD_e_end : ZSTD_e_flush);
    out += room.substr(0, to.pos);
  }
  ZSTD_freeCCtx(context);
  return out;
}

inline std::string encoded(Format format, const std::vector<std::string>& parts, End end = End::finished) {
  switch (format) {
    case Format::gzip:
      return deflated(parts, MAX_WBITS + 16, end);
    case Format::zlib:
      return deflated(parts, MAX_WBITS, end);
    case Format::raw_deflate:
      return deflated(parts, -MAX_WBITS, end);
    case Format::br:
      return brotlied(parts, end);
    case Format::zstd:
      break;
  }
  return zstded(parts, 20, end);
}

/// All that an encoder said when it flushed the last part.
inline std::string flushed(Format format, const std::vector<std::string>& parts) {
  return encoded(format, parts, End::flushed);
}

inline Coding coding_of(Format format) {
  switch (format) {
    case Format::gzip:
      return Coding::gzip;
    case Format::zlib:
    case Format::raw_deflate:
      return Coding::deflate;
    case Format::br:
      return Coding::br;
    case Format::zstd:
      break;
  }
  return Coding::zstd;
}

constexpr Format all_formats[] = {Format::gzip, Format::zlib, Format::raw_deflate, Format::br, Format::zstd};

/// What a transform makes of a body in pieces, called as ExpandingTransform says.
struct Passed {
  std::string text;
  std::string refusal;       // its message; empty: none
  std::size_t most_at_once;  // appended by one call
};
inline Passed pass(ExpandingTransform& transform, std::string_view body, std::size_t piece_size) {
  Passed passed{{}, {}, 0};
  const auto call = [&](auto&& function) {
    WipingBuffer out;
    const auto refusal = function(out);
    passed.text += view(out);
    passed.most_at_once = std::max(passed.most_at_once, out.size());
    if (refusal) passed.refusal = refusal->message;
    return !refusal.has_value();
  };
  for (std::size_t at = 0; at < body.size(); at += piece_size) {
    // Its own memory, so that the sanitizer sees a read past its end.
    const std::string_view part = body.substr(at, piece_size);
    const std::vector<char> piece(part.begin(), part.end());
    if (!call([&](WipingBuffer& out) { return transform.feed({piece.data(), piece.size()}, out); }))
      return passed;
    while (transform.has_more()) {
      if (!call([&](WipingBuffer& out) { return transform.feed({}, out); })) return passed;
    }
  }
  call([&](WipingBuffer& out) { return transform.finish(out); });
  return passed;
}

inline Passed decoded(Coding coding, std::string_view body, std::size_t piece_size) {
  return pass(*make_decoder(coding), body, piece_size);
}

}  // namespace standin::proxy
