#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "broker/error.h"
#include "vault/descriptor.h"

/// The audit log's folder and its files, one a day.
namespace standin::broker::audit {

using vault::Descriptor;

/// Error(audit_unavailable), with a hint that fits `error` (an errno).
Error unwritable(const std::filesystem::path& path, int error);
[[noreturn]] void throw_unwritable(const std::filesystem::path& path, int error);
[[noreturn]] void throw_unreadable(const std::filesystem::path& path, int error);

/// FOLDER/2026-03-01.jsonl
std::filesystem::path file_of_day(const std::filesystem::path& folder, std::string_view day);

/// The days that have a file, oldest first, none before `first`. A folder that is not there has none.
std::vector<std::string> list_days(const std::filesystem::path& folder, std::string_view first = {});

/// Makes the folder and its parents, 0700, where they are missing. Throws where it is not a folder of this
/// user's alone to write.
void prepare_folder(const std::filesystem::path& folder);

/// Opens a day's file for appending, and makes it, 0600. Throws where it is no regular file, or others can
/// write it.
Descriptor open_for_append(const std::filesystem::path& file);

/// Opens a day's file; none where it is gone (an old file may be deleted at any time).
Descriptor open_for_reading(const std::filesystem::path& file);

struct stat status_of(const Descriptor& file, const std::filesystem::path& path);

/// Reads into `buffer` at `offset`, as much as there is. Throws at an error.
std::size_t read_at(const Descriptor& file, std::uint64_t offset, char* buffer, std::size_t size,
                    const std::filesystem::path& path);

}  // namespace standin::broker::audit
