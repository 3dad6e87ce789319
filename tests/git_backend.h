#pragma once

#include <filesystem>

#include "tests/reply.h"

namespace standin::test {

/// Serves the bare repositories below `root` as git's own CGI program does, to whoever comes with Basic
/// credentials, whatever they are; 401 without.
Reply git_http_backend(const Received& request, const std::filesystem::path& root);

}  // namespace standin::test
