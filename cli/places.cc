#include "cli/places.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string>
#include <system_error>

#include "cli/error.h"
#include "cli/messages.h"

namespace standin::cli {
namespace fs = std::filesystem;
namespace {

/// An empty variable is one that is not set.
std::optional<fs::path> variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  if (value == nullptr || *value == '\0') return std::nullopt;
  return fs::path(value);
}

/// Relative paths in these "should be considered invalid and ignored" (XDG Base Directory Specification).
std::optional<fs::path> xdg_folder(const char* name) {
  auto path = variable(name);
  return path && path->is_absolute() ? path : std::nullopt;
}

fs::path home_folder() {
  if (const auto home = variable("HOME"); home && home->is_absolute()) return *home;
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found);
  if (found != nullptr && found->pw_dir != nullptr && *found->pw_dir == '/') return found->pw_dir;
  throw Error(
      Error::Kind::environment,
      "no home folder: HOME is not set, and user " + std::to_string(::getuid()) + " has none in passwd",
      "set STANDIN_HOME to a folder for the vault");
}

fs::path xdg_or_home(const char* name, const char* below_home) {
  if (const auto folder = xdg_folder(name)) return *folder / "standin";
  return home_folder() / below_home / "standin";
}

bool is_ours(const fs::path& folder) {
  struct stat status {};
  return ::stat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == ::geteuid();
}

/// $XDG_RUNTIME_DIR is stale or another user's under sudo, su and in containers: then as if it were not set.
fs::path runtime_folder() {
  if (const auto folder = xdg_folder("XDG_RUNTIME_DIR"); folder && is_ours(*folder))
    return *folder / "standin";
  return xdg_folder("TMPDIR").value_or("/tmp") / ("standin-" + std::to_string(::geteuid()));
}

Error folder_error(const fs::path& folder, const std::string& why, std::string hint = {}) {
  return {Error::Kind::environment, "cannot use the folder " + in_quotes(folder.native()) + ": " + why,
          std::move(hint)};
}

void check_private(const fs::path& folder) {
  struct stat status {};
  if (::lstat(folder.c_str(), &status) != 0)
    throw folder_error(folder, std::generic_category().message(errno));
  if (!S_ISDIR(status.st_mode)) throw folder_error(folder, "it is not a folder");
  if (status.st_uid != ::geteuid()) {
    throw folder_error(folder, "it belongs to user " + std::to_string(status.st_uid),
                       "set TMPDIR or STANDIN_HOME to a folder of your own");
  }
  if ((status.st_mode & 077U) != 0) {
    throw folder_error(folder, "other users can enter it", "chmod 700 " + printable(folder.native()));
  }
}

}  // namespace

Places Places::find() {
  Places places;
  if (const auto home = variable("STANDIN_HOME")) {
    const fs::path root = fs::absolute(*home);
    places = {root / "data/vault", root / "config/key", root / "audit", root / "run"};
  } else {
    places = {xdg_or_home("XDG_DATA_HOME", ".local/share") / "vault",
              xdg_or_home("XDG_CONFIG_HOME", ".config") / "key",
              xdg_or_home("XDG_STATE_HOME", ".local/state") / "audit", runtime_folder()};
  }
  if (const auto audit = variable("STANDIN_AUDIT_DIR")) places.audit = fs::absolute(*audit);
  if (const auto key = variable("STANDIN_KEY_FILE")) places.key = fs::absolute(*key);
  return places;
}

void make_private_folder(const fs::path& folder) {
  fs::path path;
  for (const fs::path& part : folder) {
    path /= part;
    if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) continue;
    // A parent that can't be written but is there is no hindrance (EROFS, EACCES on /).
    const int reason = errno;
    if (::access(path.c_str(), F_OK) != 0) throw folder_error(path, std::generic_category().message(reason));
  }
  check_private(folder);
}

}  // namespace standin::cli
