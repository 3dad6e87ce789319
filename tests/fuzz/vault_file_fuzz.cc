#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "vault/error.h"
#include "vault/record.h"
#include "vault/vault_file.h"

// The vault file's layout, and an entry's, from hostile bytes: no file, no key, no Argon2id. Whatever is
// accepted must have one spelling only; otherwise two files could mean the same, and a MAC over one say
// nothing of the other.
namespace {

using namespace standin::vault;

constexpr std::size_t trailer_bytes = 64;

void parse_as_file(View bytes) {
  const VaultFile file = parse_layout(bytes, "vault");
  const Bytes again = encode_layout(file);
  if (!std::ranges::equal(again, bytes.first(bytes.size() - trailer_bytes))) std::abort();
}

void parse_as_entry(View bytes) {
  const Entry entry = decode_entry(bytes, "vault", "record 1");
  check_name(entry.name);
  if (!std::ranges::equal(encode_entry(entry), bytes)) std::abort();
}

void expect_no_other_fault(void (*parse)(View), View bytes) {
  try {
    parse(bytes);
  } catch (const Error& error) {
    switch (error.kind()) {
      case Error::Kind::truncated:
      case Error::Kind::corrupt:
      case Error::Kind::newer_version:
        return;
      default:
        std::abort();
    }
  }
}

// The header's length field, set right: else hardly an input gets past it.
Bytes with_right_length(View bytes) {
  Bytes fixed(bytes.begin(), bytes.end());
  Bytes length;
  append_number(length, std::uint64_t{bytes.size()});
  if (fixed.size() >= 48) std::ranges::copy(length, fixed.begin() + 40);
  return fixed;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const View bytes = std::as_bytes(std::span(data, size));
  expect_no_other_fault(parse_as_file, bytes);
  expect_no_other_fault(parse_as_file, with_right_length(bytes));
  expect_no_other_fault(parse_as_entry, bytes);
  return 0;
}
