#pragma once

// HTTP/1.1 messages (RFC 9112), sans-IO: Beast's parser reads them, what is ours is what may be relayed.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/beast/http/basic_parser.hpp>

#include "proxy/message.h"

namespace standin::proxy {

namespace beast_http = boost::beast::http;

/// How the end of a body is told (RFC 9112 6.3).
enum class Framing : std::uint8_t { none, length, chunked, until_close };

/// What a piece of body becomes on the other side: decoded on the way in, framed again on the way out, so
/// that no chunk extension and no odd spelling of a size reaches a second parser. Framing::length is the
/// decoded bytes as they are.
class BodyPieces {
 public:
  explicit BodyPieces(Framing out) noexcept : out_(out) {}
  /// May be said late, or anew where what was written has to be written again.
  void set_framing(Framing out) noexcept;
  [[nodiscard]] Framing framing() const noexcept { return out_; }

  void add(std::string_view data);
  void add_trailer(std::string_view name, std::string_view value);
  void finish() noexcept { ended_ = true; }

  /// What is to be written now: one view into the input where it needs no framing, else of a buffer here.
  /// Valid until clear() or the next add. With finish() before it, chunks are ended and the trailers behind.
  [[nodiscard]] std::string_view bytes();
  [[nodiscard]] bool ended() const noexcept { return ended_; }
  [[nodiscard]] std::uint64_t payload() const noexcept { return payload_; }  // of body, since the start
  /// Frees for the next piece; the trailers and the end stay.
  void clear() noexcept;

  /// They come with the end of a body; a secret may be in a response's.
  struct Trailer {
    std::string name;
    WipingBuffer value;
  };
  [[nodiscard]] std::vector<Trailer>& trailers() noexcept { return trailers_; }

 private:
  Framing out_;
  std::string_view single_;
  WipingBuffer joined_;
  WipingBuffer framed_;
  std::vector<Trailer> trailers_;
  std::uint64_t payload_ = 0;
  bool ended_ = false;
  bool end_is_framed_ = false;
};

/// What may stand behind a body. Not what says where a message goes, who sent it or how it is read, which no
/// sender may put there (RFC 9110 6.5.1), and which nobody judged here: a peer that merges trailers into the
/// head must not be told by them.
[[nodiscard]] bool is_for_trailers(std::string_view name) noexcept;

/// One message. Give parse_head() the whole head (see HeadScanner) in one buffer that stays put while
/// `fields` are used, then parse_body() what follows.
template <bool is_request>
class MessageParser final : public beast_http::basic_parser<is_request> {
 public:
  MessageParser() {
    this->header_limit(256 * 1024);  // HeadScanner's caller bounds it first
    this->body_limit(boost::none);
  }

  // Of requests; they outlive the buffer the head was in, unlike `fields`.
  std::string method;
  std::string target;
  bool expects_continue = false;
  // Of responses.
  unsigned status = 0;
  std::string_view reason;

  unsigned version = 11;
  std::vector<Field> fields;

  /// The head's bytes. Empty where it is one; else why it is not, for a sentence.
  std::string_view parse_head(std::string_view head);
  /// Says how the body is framed after parse_head(), and refuses what two readers could take in two ways.
  /// Empty when it is sound.
  std::string_view check_framing();
  [[nodiscard]] Framing framing() const;

  /// Feeds body bytes; decoded data goes to `out`. Returns how many were consumed: the rest is the next
  /// message's, or must be given again with more behind it. nullopt: not a body.
  std::optional<std::size_t> parse_body(std::string_view bytes, BodyPieces& out);
  /// The connection's end; true where that ends the message rightly.
  bool end_of_input(BodyPieces& out);

  /// A chunk's head with its extensions, or all trailers together, that are longer than this are no body:
  /// what is waited for must fit into a buffer.
  static constexpr std::size_t max_chunk_head = 16 * 1024;

 private:
  using Error = boost::beast::error_code;
  using View = boost::beast::string_view;

  void on_request_impl(beast_http::verb, View m, View t, int v, Error&) override;
  void on_response_impl(int s, View r, int v, Error&) override;
  void on_field_impl(beast_http::field, View name, View value, Error&) override;
  void on_header_impl(Error&) override { in_head_ = false; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Error&) override {}
  std::size_t on_body_impl(View body, Error&) override;
  void on_chunk_header_impl(std::uint64_t, View extensions, Error&) override;
  std::size_t on_chunk_body_impl(std::uint64_t, View body, Error&) override;
  void on_finish_impl(Error&) override;

  bool in_head_ = true;
  bool chunk_seen_ = false;
  std::size_t trailer_bytes_ = 0;
  bool broken_ = false;          // parse_body() failed: where the next message begins is not known any more
  std::string_view body_input_;  // what parse_body() was given
  BodyPieces* out_ = nullptr;
};

using RequestParser = MessageParser<true>;
using ResponseParser = MessageParser<false>;

/// The first field of that name.
[[nodiscard]] const Field* find_field(const std::vector<Field>& fields, std::string_view name) noexcept;
/// Whether a comma-separated list (RFC 9110 5.6.1) in any field of that name has the token.
[[nodiscard]] bool has_token(const std::vector<Field>& fields, std::string_view name,
                             std::string_view token) noexcept;

/// Tells the fields that are between one client and its proxy (RFC 9110 7.6.1), by their name or because
/// Connection names them. Reads Connection once: a head of ten thousand fields must not cost a hundred
/// million comparisons.
class HopByHop {
 public:
  explicit HopByHop(const std::vector<Field>& fields);
  [[nodiscard]] bool covers(const Field& field) const noexcept;

 private:
  std::vector<std::string_view> named_;
};

}  // namespace standin::proxy
