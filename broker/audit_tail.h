#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "vault/secret.h"

namespace standin::broker::audit {

/// The last whole record, whose mac fits, of the newest file up to `day`: DAY/RUN/SEQ, or empty where there
/// is none.
std::string find_last_record(const std::filesystem::path& folder, std::string_view day,
                             const vault::Secret& key);

}  // namespace standin::broker::audit
