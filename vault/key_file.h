#pragma once

#include <filesystem>

#include "vault/secret.h"

namespace standin::vault {

/// The 32 bytes of a key's text (base64, with or without its newline). Nothing where it is not one:
/// returned as an empty Secret.
Secret decode_key(const Secret& text);

/// Throws missing, permissions, not_ours, io; wrong_key where the file holds no key.
Secret read_key_file(const std::filesystem::path& path);

/// Makes a new key and its file, durably: 0600, missing folders 0700. Throws exists, io.
Secret make_key_file(const std::filesystem::path& path);

}  // namespace standin::vault
