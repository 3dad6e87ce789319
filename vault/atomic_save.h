#pragma once

#include <filesystem>

#include "vault/private_file.h"
#include "vault/wire.h"

namespace standin::vault {

/// Holds the lock beside `target` for its lifetime, and replaces `target` under it: docs/vault-format.md,
/// "Writing". Excludes other threads as well as other processes.
class AtomicSave {
 public:
  /// Waits for the lock, 30 seconds at most. Throws io. `target` is not a symbolic link.
  explicit AtomicSave(std::filesystem::path target);

  /// Durably; on a throw the old file is in place, and nothing is left beside it, unless only syncing the
  /// folder failed. The descriptor is of the new file.
  Descriptor replace(View contents);

 private:
  std::filesystem::path target_;
  Descriptor lock_;
};

}  // namespace standin::vault
