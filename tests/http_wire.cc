#include "tests/http_wire.h"

#include <strings.h>

#include <algorithm>
#include <array>
#include <charconv>

#include <openssl/evp.h>

namespace standin::test {
namespace {

constexpr std::size_t longest_body_kept = 8 << 20;

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

Fields parse_fields(std::string_view text) {
  Fields fields;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (line.empty()) break;
    const auto colon = line.find(':');
    fields.emplace_back(line.substr(0, colon),
                        colon == std::string_view::npos ? "" : trimmed(line.substr(colon + 1)));
  }
  return fields;
}

std::uint64_t number(std::string_view text, int base) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end == text.data())
    throw StreamError("not a number: \"" + std::string(text) + "\"");
  return value;
}

bool contains_token(const std::string& value, std::string_view token) {
  return std::search(value.begin(), value.end(), token.begin(), token.end(), [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
         }) != value.end();
}

/// Receives a body's pieces.
class BodySink {
 public:
  void take(Stream& stream, std::uint64_t size) {
    while (size > 0) {
      const std::string piece =
          stream.read_some(static_cast<std::size_t>(std::min<std::uint64_t>(size, 65536)));
      if (piece.empty()) throw StreamError("the peer closed inside a body");
      add(piece);
      size -= piece.size();
    }
  }
  void add(std::string_view piece) {
    hash_.update(piece);
    body.size += piece.size();
    if (body.bytes.size() < longest_body_kept)
      body.bytes += piece.substr(0, longest_body_kept - body.bytes.size());
  }
  Body finish() {
    body.sha256 = hash_.hex();
    return std::move(body);
  }
  Body body;

 private:
  Sha256 hash_;
};

void read_chunks(Stream& stream, BodySink& sink) {
  while (true) {
    const std::string line = stream.read_until("\r\n");
    if (!line.ends_with("\r\n")) throw StreamError("the peer closed inside a chunked body");
    const std::uint64_t size = number(line, 16);
    if (size == 0) break;
    sink.body.chunks.push_back(static_cast<std::size_t>(size));
    sink.take(stream, size);
    if (stream.read_exactly(2) != "\r\n") throw StreamError("a chunk does not end where it said");
  }
  std::string trailers;
  while (true) {
    const std::string line = stream.read_until("\r\n");
    if (!line.ends_with("\r\n")) throw StreamError("the peer closed inside the trailers");
    if (line == "\r\n") break;
    trailers += line;
  }
  sink.body.trailers = parse_fields(trailers);
}

}  // namespace

std::optional<std::string> find_field(const Fields& fields, std::string_view name) {
  for (const auto& [key, value] : fields)
    if (key.size() == name.size() && strncasecmp(key.data(), name.data(), name.size()) == 0) return value;
  return std::nullopt;
}

std::string to_text(const Fields& fields) {
  std::string text;
  for (const auto& [name, value] : fields) text.append(name).append(": ").append(value).append("\r\n");
  return text;
}

Head Head::parse(std::string raw) {
  Head head;
  std::string_view rest = raw;
  std::string_view line = take_line(rest);
  const auto one = line.find(' ');
  head.first = line.substr(0, one);
  if (one != std::string_view::npos) {
    line.remove_prefix(one + 1);
    const auto two = line.find(' ');
    head.second = line.substr(0, two);
    if (two != std::string_view::npos) head.third = line.substr(two + 1);
  }
  head.fields = parse_fields(rest);
  head.raw = std::move(raw);
  return head;
}

std::optional<Head> read_head(Stream& stream) {
  std::string raw = stream.read_until("\r\n\r\n");
  if (raw.empty()) return std::nullopt;
  if (!raw.ends_with("\r\n\r\n")) throw StreamError("the peer closed inside a head: " + raw.substr(0, 200));
  return Head::parse(std::move(raw));
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_, EVP_sha256(), nullptr); }
Sha256::~Sha256() { EVP_MD_CTX_free(context_); }
void Sha256::update(std::string_view bytes) { EVP_DigestUpdate(context_, bytes.data(), bytes.size()); }

std::string Sha256::hex() {
  std::array<unsigned char, 32> digest{};
  EVP_DigestFinal_ex(context_, digest.data(), nullptr);
  std::string text;
  for (const unsigned char byte : digest) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

Framing framing_of_request(const Fields& fields) {
  if (const auto coding = find_field(fields, "transfer-encoding");
      coding && contains_token(*coding, "chunked"))
    return Framing::chunked;
  return find_field(fields, "content-length") ? Framing::length : Framing::none;
}

Framing framing_of_response(const Fields& fields, unsigned status, std::string_view method) {
  if (method == "HEAD" || status < 200 || status == 204 || status == 304) return Framing::none;
  if (method == "CONNECT" && status < 300) return Framing::none;
  const Framing framing = framing_of_request(fields);
  return framing == Framing::none ? Framing::until_close : framing;
}

Body read_body(Stream& stream, Framing framing, const Fields& fields) {
  BodySink sink;
  if (framing == Framing::length) sink.take(stream, number(find_field(fields, "content-length").value(), 10));
  if (framing == Framing::chunked) read_chunks(stream, sink);
  if (framing == Framing::until_close)
    for (std::string piece = stream.read_some(); !piece.empty(); piece = stream.read_some()) sink.add(piece);
  return sink.finish();
}

void generate_pattern(std::uint64_t size, const std::function<void(std::string_view)>& sink) {
  // 251 is prime: a block that goes missing, or comes twice, shifts what follows.
  static const std::string block = [] {
    std::string made(std::size_t{251} * 260, '\0');
    for (std::size_t i = 0; i < made.size(); ++i) made[i] = static_cast<char>(i % 251);
    return made;
  }();
  while (size > 0) {
    const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(size, block.size()));
    sink(std::string_view(block).substr(0, piece));
    size -= piece;
  }
}

std::string pattern_sha256(std::uint64_t size) {
  Sha256 hash;
  generate_pattern(size, [&](std::string_view piece) { hash.update(piece); });
  return hash.hex();
}

std::string base64(std::string_view bytes) {
  // The NUL that it writes behind them falls on the string's own.
  std::string encoded(4 * ((bytes.size() + 2) / 3), '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                  reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  return encoded;
}

}  // namespace standin::test
