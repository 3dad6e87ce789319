#include "vault/key_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include <sodium.h>

#include "vault/error.h"
#include "vault/messages.h"
#include "vault/private_file.h"
#include "vault/sealing.h"

namespace standin::vault {
namespace {

constexpr std::size_t text_bytes = 44;  // base64 of 32 bytes
static_assert(sodium_base64_ENCODED_LEN(key_bytes, sodium_base64_VARIANT_ORIGINAL) == text_bytes + 1);

std::size_t length_without_newline(std::span<const std::byte> text) {
  std::size_t size = text.size();
  if (size > 0 && text[size - 1] == std::byte{'\n'}) --size;
  if (size > 0 && text[size - 1] == std::byte{'\r'}) --size;  // what CI forms make of a pasted line
  return size;
}

// The text and its newline; sodium_bin2base64 ends with a zero byte where the newline belongs.
Secret encode_key(const Secret& key) {
  Secret text(text_bytes + 1);
  text.fill([&](std::span<std::byte> out) {
    key.reveal([&](std::span<const std::byte> in) {
      sodium_bin2base64(reinterpret_cast<char*>(out.data()), out.size(),
                        reinterpret_cast<const unsigned char*>(in.data()), in.size(),
                        sodium_base64_VARIANT_ORIGINAL);
    });
    out.back() = std::byte{'\n'};
  });
  return text;
}

Descriptor make_new_file(const std::filesystem::path& path, const std::string& where) {
  Descriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (file.is_open()) return file;
  if (errno == EEXIST)
    throw Error(Error::Kind::exists, where + " is there already",
                "it may open another vault: move it away, or choose another place for the key");
  throw_system_error("making " + where, errno);
}

}  // namespace

Secret decode_key(const Secret& text) {
  Secret key(key_bytes);
  std::size_t decoded = 0;
  const bool valid = text.reveal([&](std::span<const std::byte> in) {
    const std::size_t size = length_without_newline(in);
    return size == text_bytes && key.fill([&](std::span<std::byte> out) {
      return sodium_base642bin(reinterpret_cast<unsigned char*>(out.data()), out.size(),
                               reinterpret_cast<const char*>(in.data()), size, nullptr, &decoded, nullptr,
                               sodium_base64_VARIANT_ORIGINAL) == 0;
    });
  });
  if (!valid || decoded != key_bytes) return {};
  return key;
}

Secret read_key_file(const std::filesystem::path& path) {
  const Descriptor file =
      open_private(path, "key file", Links::refuse,
                   "put the vault's key file there, or say where it is with STANDIN_KEY_FILE or STANDIN_KEY");
  const std::string where = "key file " + shown(path);
  Secret text(text_bytes + 3);  // room for CR, LF, and one more that makes it wrong
  text.truncate(text.fill([&](std::span<std::byte> out) { return read_file(file, out, where); }));
  Secret key = decode_key(text);
  if (key.empty())
    throw Error(Error::Kind::wrong_key, where + " holds no key: it is not the base64 text of 32 bytes",
                "restore the key file from a backup");
  return key;
}

Secret make_key_file(const std::filesystem::path& path) {
  const std::string where = "key file " + shown(path);
  make_private_folders(folder_of(path));
  const Descriptor file = make_new_file(path, where);
  try {
    Secret key(key_bytes);
    key.fill([](std::span<std::byte> out) { randombytes_buf(out.data(), out.size()); });
    if (::fchmod(file.get(), S_IRUSR | S_IWUSR) != 0) throw_system_error("making " + where, errno);
    encode_key(key).reveal([&](std::span<const std::byte> text) { write_file(file, text, where); });
    sync_file(file, where);
    sync_folder(folder_of(path));
    return key;
  } catch (...) {
    ::unlink(path.c_str());  // ours: O_EXCL made it
    throw;
  }
}

}  // namespace standin::vault
