#pragma once

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/read_text.h"
#include "tests/temporary_folder.h"
#include "vault/vault.h"
#include "vault/vault_file.h"

/// The small language of the vault's tests.
namespace standin::vault::test {

using standin::test::read_text;
using standin::test::TemporaryFolder;

inline std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

inline Secret secret_of(std::string_view text) { return Secret::copy_of(bytes_of(text)); }

// What these tests call a secret is none.
inline std::string text_of(const Secret& secret) {
  return secret.reveal(
      [](View bytes) { return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()); });
}

inline void write_text(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::remove(path);  // ext4 flushes a file that was truncated and written again: 10 ms each
  std::ofstream out(path, std::ios::binary);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  out.close();
  if (!out || ::chmod(path.c_str(), 0600) != 0) throw std::runtime_error("can't write " + path.native());
}

inline Bytes read_bytes(const std::filesystem::path& path) {
  const std::string text = read_text(path);
  const View bytes = bytes_of(text);
  return {bytes.begin(), bytes.end()};
}

inline void write_bytes(const std::filesystem::path& path, View bytes) {
  write_text(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

inline unsigned mode_of(const std::filesystem::path& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

/// The Error that `act` throws; nothing where it throws none.
inline std::optional<Error> error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

inline std::optional<Error::Kind> kind_of(const std::function<void()>& act) {
  const auto error = error_of(act);
  return error ? std::optional(error->kind()) : std::nullopt;
}

/// Gives a file's bytes the digest they should have: all that someone without the key can do.
inline void fix_digest(Bytes& file) {
  const Digest digest = digest_of(View(file).first(file.size() - 64));
  std::ranges::copy(digest, file.end() - 64);
}

/// A vault with a key file, and what can happen to it.
class VaultOnDisk {
 public:
  VaultOnDisk() { Vault::create(path(), key()); }

  [[nodiscard]] std::filesystem::path path() const { return folder / "data/vault"; }
  [[nodiscard]] std::filesystem::path key_path() const { return folder / "keys/key"; }
  [[nodiscard]] Unlock key() const { return KeyFile{.path = key_path()}; }
  [[nodiscard]] Vault open() const { return Vault::open(path(), key()); }
  [[nodiscard]] std::optional<Error> error_on_open() const {
    return error_of([&] { (void)open(); });
  }
  VaultOnDisk& with(std::string_view name, std::string_view scope, std::string_view secret) {
    open().add(name, scope, secret_of(secret));
    return *this;
  }

  [[nodiscard]] std::size_t size() const { return std::filesystem::file_size(path()); }
  void flip_byte(std::size_t offset, unsigned mask = 1) const {
    Bytes bytes = read_bytes(path());
    bytes.at(offset) ^= static_cast<std::byte>(mask);
    write_bytes(path(), bytes);
  }
  void truncate_to(std::size_t size) const { std::filesystem::resize_file(path(), size); }

  /// Takes the file apart, lets `edit` have the parts, and puts them together with the digest that is theirs.
  /// The MAC stays as it was.
  void forge(const std::function<void(VaultFile&)>& edit) const {
    const Bytes old = read_bytes(path());
    VaultFile file = parse_vault_file(old, "vault");
    edit(file);
    Bytes forged = encode_layout(file);
    append(forged, View(old).last(64));
    fix_digest(forged);
    write_bytes(path(), forged);
  }

  TemporaryFolder folder;
};

inline constexpr int unexpected_exit = 99;
inline int exit_status_for(Error::Kind kind) { return 100 + static_cast<int>(kind); }

/// Runs `act` in a child process, and gives its wait status: exits with 0, exit_status_for an Error's kind,
/// or unexpected_exit.
inline int wait_status_of(const std::function<void()>& act) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      act();
    } catch (const Error& error) {
      ::_exit(exit_status_for(error.kind()));
    } catch (...) {
      ::_exit(unexpected_exit);
    }
    ::_exit(0);
  }
  int status = -1;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

inline int exit_status_of(const std::function<void()>& act) {
  const int status = wait_status_of(act);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// As exit_status_of, as a user whom permissions hold back: root gives `folder` to nobody, and becomes
/// nobody.
inline int exit_status_as_ordinary_user(const std::filesystem::path& folder,
                                        const std::function<void()>& act) {
  constexpr uid_t nobody = 65534;
  const bool is_root = ::geteuid() == 0;
  if (is_root) {
    if (::chown(folder.c_str(), nobody, nobody) != 0) return -1;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
      if (::lchown(entry.path().c_str(), nobody, nobody) != 0) return -1;
  }
  return exit_status_of([&] {
    if (is_root && (::setgid(nobody) != 0 || ::setuid(nobody) != 0)) ::_exit(unexpected_exit);
    act();
  });
}

}  // namespace standin::vault::test
