#pragma once

#include <filesystem>
#include <string_view>

#include "vault/descriptor.h"

namespace standin::cli {

/// The folder of one run's files (its certificate authority, configuration snippets): `base`/run-ID, 0700,
/// removed with all in it when the object goes.
///
/// It is held by a lock on the folder itself (flock), which the kernel drops with the process: folders that
/// killed runs have left behind are told by that, and the next run removes them. A lock also keeps
/// systemd-tmpfiles from ageing the files of a long run away.
class RunFolder {
 public:
  /// Makes `base` where it is missing (make_private_folder(): it must be ours alone), clears it of dead runs'
  /// folders, and makes this run's. `run_id` is a plain name that no other run has. Throws
  /// Error(environment).
  RunFolder(const std::filesystem::path& base, std::string_view run_id);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
  vault::Descriptor lock_;
};

}  // namespace standin::cli
