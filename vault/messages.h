#pragma once

#include <filesystem>
#include <string>
#include <string_view>

/// The words of this room's errors: one line each, whatever a path or a name is made of.
namespace standin::vault {

/// In double quotes, control and non-ASCII bytes as \xNN, cut after 60 bytes: a hostile name can neither
/// move a terminal's cursor nor fill its screen.
std::string quoted_name(std::string_view name);
/// A path as a person reads it, with control bytes as \xNN.
std::string shown(const std::filesystem::path& path);
/// A path as a shell takes it, for hints that are made to be pasted.
std::string shell_word(const std::filesystem::path& path);

/// Throws Error(io): "`doing` failed: strerror(error)", with a hint where the error has a usual cure.
[[noreturn]] void throw_system_error(const std::string& doing, int error);

}  // namespace standin::vault
