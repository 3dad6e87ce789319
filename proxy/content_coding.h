#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/body_transform.h"

namespace standin::proxy {

/// The content codings (RFC 9110 8.4.1) that are undone here, so that a body can be read.
enum class Coding : std::uint8_t { gzip, deflate, br, zstd };

/// The codings of a Content-Encoding value, as they were applied ("gzip, br": br last), without "identity".
/// Give the values of several fields joined with commas. nullopt: one is not known, or there are more than
/// `most_codings`, which only somebody would send who wants to see a reader work.
[[nodiscard]] std::optional<std::vector<Coding>> read_codings(std::string_view content_encoding);
constexpr std::size_t most_codings = 3;

/// What an Accept-Encoding value (RFC 9110 12.5.3) becomes, so that an origin answers in codings that are
/// read here: the others are taken out; order, weights and spelling of what stays are kept. "*" becomes those
/// codings that the value does not name; "*;q=0" stays. "identity" where nothing is left: an empty field says
/// that, none at all would allow any coding.
[[nodiscard]] std::string narrow_accept_encoding(std::string_view accept_encoding);

/// A body that becomes longer on its way, by a factor that its sender chooses.
///
/// feed() takes all of the piece, and appends about `most_at_once` bytes; has_more() says when there is more.
class ExpandingTransform : public BodyTransform {
 public:
  static constexpr std::size_t most_at_once = 64 * 1024;
  [[nodiscard]] bool has_more() const noexcept override = 0;
};

/// In what a coding is undone: who is to blame for a damaged one.
enum class CodedIn : std::uint8_t { response, request };

/// Undoes one coding. What the coded bytes tell is there at once: what an origin flushed does not wait.
///
/// A damaged or cut-off stream is a Refusal, 502 upstream_protocol or, in a request, 400 bad_request; no
/// bytes at all are an empty body. gzip may have several members, and zstd several frames; what stands behind
/// the end of gzip, deflate or br is dropped, as browsers do. deflate is zlib's format or, against the
/// letter, raw. Memory: gzip and deflate 50 KiB, br 16 MiB, zstd 8 MiB (RFC 9659; a larger window is
/// refused), and what was fed and not yet decoded.
[[nodiscard]] std::unique_ptr<ExpandingTransform> make_decoder(Coding coding, CodedIn in = CodedIn::response);

}  // namespace standin::proxy
