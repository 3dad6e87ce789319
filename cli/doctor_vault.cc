#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <system_error>

#include "broker/audit_query.h"
#include "broker/credential.h"
#include "cli/doctor_checks.h"
#include "cli/messages.h"
#include "cli/open_vault.h"

namespace standin::cli {
namespace fs = std::filesystem;
namespace {

using Level = Diagnosis::Level;

/// Faults of every room say what is wrong and what to do.
template <class Fault>
Diagnosis failed(const char* subject, const Fault& fault) {
  return {Level::fail, subject, fault.what(), fault.hint()};
}

Diagnosis check_folder(const char* subject, const fs::path& folder) {
  struct stat status {};
  const std::string path = in_quotes(folder.native());
  if (::lstat(folder.c_str(), &status) != 0) {
    return {Level::warn, subject, path + ": " + std::generic_category().message(errno), {}};
  }
  if (!S_ISDIR(status.st_mode) && !S_ISLNK(status.st_mode)) {
    return {Level::fail, subject, path + " is not a folder", "move it away"};
  }
  if (S_ISDIR(status.st_mode) && (status.st_mode & 077U) != 0) {
    return {Level::warn, subject, path + " can be entered by others", "chmod 700 " + folder.native()};
  }
  return {Level::ok, subject, path + " is yours alone", {}};
}

std::string counted(std::uint64_t count, const char* one) {
  return std::to_string(count) + " " + one + (count == 1 ? "" : "s");
}

/// Opens every secret: a damaged one is found here, not in the middle of a run.
Diagnosis check_credentials(const vault::Vault& vault) {
  std::size_t count = 0;
  for (const auto& entry : vault.entries()) {
    try {
      static_cast<void>(broker::Credential::from_scope(entry.name, entry.scope));
      static_cast<void>(vault.secret(entry.name));
    } catch (const vault::Error& error) {
      return failed("credentials", error);
    } catch (const broker::Error& error) {
      return failed("credentials", error);
    }
    ++count;
  }
  if (count == 0)
    return {Level::warn, "credentials", "there is none yet", "add one with 'standin add github'"};
  return {Level::ok, "credentials", std::to_string(count) + ", each opens", {}};
}

std::string key_in_use(const Places& places, bool had_key_value) {
  const char* file = std::getenv("STANDIN_KEY_FILE");  // NOLINT(concurrency-mt-unsafe): one thread
  if (file != nullptr && *file != '\0') return "STANDIN_KEY_FILE, " + in_quotes(places.key.native());
  if (had_key_value) return "STANDIN_KEY";
  const bool is_there = ::access(places.key.c_str(), F_OK) == 0;
  return is_there ? "the key file " + in_quotes(places.key.native()) : "a passphrase";
}

Diagnosis check_log_folder(const fs::path& folder) {
  struct statvfs space {};
  const std::string path = in_quotes(folder.native());
  struct stat status {};
  const bool is_there = ::stat(folder.c_str(), &status) == 0;
  if (is_there && !S_ISDIR(status.st_mode)) {
    return {Level::fail, "audit log", path + " is not a folder", "move it away"};
  }
  if (!is_there && errno == ENOENT) {
    return {
        Level::warn, "audit log", path + " is not there: nothing was recorded yet, or it was removed", {}};
  }
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    const std::string why = std::generic_category().message(errno);
    const std::string remedy = "without a log no secret is used: make it writable, or set STANDIN_AUDIT_DIR";
    return {Level::fail, "audit log", path + " can't be written: " + why, remedy};
  }
  constexpr std::uint64_t little = 16 << 20;
  if (::statvfs(folder.c_str(), &space) == 0 && std::uint64_t{space.f_bavail} * space.f_frsize < little) {
    return {Level::warn, "audit log", "less than 16 MiB are free at " + path,
            "without a log no secret is used: make room"};
  }
  return {Level::ok, "audit log", path + " can be written", {}};
}

std::uint64_t size_of_log(const fs::path& folder) {
  std::uint64_t size = 0;
  std::error_code ignored;
  for (const auto& file : fs::directory_iterator(folder, ignored)) size += file.file_size(ignored);
  return size;
}

Diagnosis check_chain(const vault::Vault& vault, const fs::path& folder) {
  constexpr std::uint64_t quickly_read = 32 << 20;
  if (size_of_log(folder) > quickly_read) {
    return {Level::info, "log's chain", "not checked here, because the log is long",
            "run 'standin audit verify'"};
  }
  try {
    const auto verification = broker::verify_audit(folder, vault.derive_key("audit"));
    if (verification.records == 0) return {Level::info, "log's chain", "there is no record to check", {}};
    const std::string count = counted(verification.records, "record");
    if (verification.intact()) return {Level::ok, "log's chain", count + ", as they were written", {}};
    return {Level::fail, "log's chain", count + ", and not as they were written",
            "see 'standin audit verify'"};
  } catch (const broker::Error& error) {
    return failed("log's chain", error);
  }
}

}  // namespace

std::vector<Diagnosis> check_vault_and_log(const Places& places) {
  std::vector<Diagnosis> all;
  const bool had_key_value = std::getenv("STANDIN_KEY") != nullptr;  // NOLINT(concurrency-mt-unsafe)
  try {
    const auto vault = open_vault(places);
    all.push_back({Level::ok, "vault", in_quotes(places.vault.native()) + " opens", {}});
    all.push_back({Level::ok, "key", key_in_use(places, had_key_value), {}});
    all.push_back(check_folder("vault's folder", places.vault.parent_path()));
    all.push_back(check_credentials(vault));
    all.push_back(check_log_folder(places.audit));
    all.push_back(check_chain(vault, places.audit));
  } catch (const vault::Error& error) {
    all.push_back(failed("vault", error));
    all.push_back(check_log_folder(places.audit));
  }
  return all;
}

}  // namespace standin::cli
