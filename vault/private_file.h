#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "vault/descriptor.h"

/// Files that only their owner may read: the vault and its key.
namespace standin::vault {

/// What tells one state of a file from another.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  timespec modified{};
  bool operator==(const FileIdentity& other) const noexcept;
};

std::optional<FileIdentity> identity_at(const std::filesystem::path& path) noexcept;
FileIdentity identity_of(const Descriptor& file, const std::string& where);

enum class Links { follow, refuse };

/// Opens `path` for reading, and checks what was opened: a regular file, of the effective user, closed to
/// group and others. `what` is "vault" or "key file". Throws missing (with `hint_if_missing`), not_ours,
/// permissions (its hint is the chmod), io.
Descriptor open_private(const std::filesystem::path& path, const std::string& what, Links links,
                        const std::string& hint_if_missing);

/// Reads until `buffer` is full or the file ends; the bytes read.
std::size_t read_file(const Descriptor& file, std::span<std::byte> buffer, const std::string& where);
/// Writes all. Throws io.
void write_file(const Descriptor& file, std::span<const std::byte> bytes, const std::string& where);
void sync_file(const Descriptor& file, const std::string& where);
/// Makes a rename, or a new file, in `folder` last.
void sync_folder(const std::filesystem::path& folder);

/// `folder` and those above it, as far as they are missing, 0700.
void make_private_folders(const std::filesystem::path& folder);
std::filesystem::path folder_of(const std::filesystem::path& path);

}  // namespace standin::vault
