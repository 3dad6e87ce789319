#pragma once

#include <filesystem>

namespace standin::cli {

/// Where things are (docs/standin.1.md, FILES): all under $STANDIN_HOME where it is set, else in the folders
/// of the XDG Base Directory Specification, with $STANDIN_AUDIT_DIR and $STANDIN_KEY_FILE before either.
/// Nothing is looked at or made by finding them. Absolute.
struct Places {
  std::filesystem::path vault;    // the file
  std::filesystem::path key;      // the key file
  std::filesystem::path audit;    // the folder of the log
  std::filesystem::path runtime;  // the folder of run-time files, made by make_private_folder()

  /// Throws Error(environment) where there is no home folder to put them in.
  static Places find();
};

/// Makes `folder` and what is missing above it, 0700. One that is there must be a folder (not a link to one)
/// of this user that nobody else may enter: in a shared /tmp another user may have made it first. Throws
/// Error(environment) naming the chmod.
void make_private_folder(const std::filesystem::path& folder);

}  // namespace standin::cli
