#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/stream.h"

namespace standin::test {

using Fields = std::vector<std::pair<std::string, std::string>>;

/// The first field of that name, any case of letters.
std::optional<std::string> find_field(const Fields& fields, std::string_view name);
std::string to_text(const Fields& fields);  // "Name: value\r\n" each

/// A head as it stood on the wire, and cut into parts without judging it: what a test compares.
struct Head {
  std::string raw;
  std::string first, second, third;  // of the start line: method, target, version; version, status, reason
  Fields fields;

  static Head parse(std::string raw);
};

/// nullopt at the end of the stream, before a first byte. Throws StreamError where it ends inside.
std::optional<Head> read_head(Stream& stream);

/// The SHA-256 of bytes that come in pieces, in lower-case hexadecimal.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(std::string_view bytes);
  std::string hex();

 private:
  EVP_MD_CTX* context_;
};

/// A body as it came, decoded from its framing. `bytes` holds its first megabytes, the rest is counted
/// and hashed alone.
struct Body {
  std::string bytes;
  std::uint64_t size = 0;
  std::string sha256;
  Fields trailers;
  std::vector<std::size_t> chunks;  // sizes, where it was chunked
};

enum class Framing : std::uint8_t { none, length, chunked, until_close };
Framing framing_of_request(const Fields& fields);
Framing framing_of_response(const Fields& fields, unsigned status, std::string_view method);
/// Throws StreamError where the stream ends before the body does.
Body read_body(Stream& stream, Framing framing, const Fields& fields);

std::string base64(std::string_view bytes);

/// `size` bytes of a pattern without a short period of two, from `offset` on, and its hash: bodies of any
/// size without the memory.
void generate_pattern(std::uint64_t size, const std::function<void(std::string_view)>& sink);
std::string pattern_sha256(std::uint64_t size);

}  // namespace standin::test
