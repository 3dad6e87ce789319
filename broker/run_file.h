#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/error.h"
#include "vault/descriptor.h"

namespace standin::broker {

/// A file of the run's own, made new (0600, close-on-exec) and put together from texts and other files.
/// Throws Error(io) with the path and the reason, a full disk's too; close() before the file is relied on.
class RunFile {
 public:
  explicit RunFile(std::filesystem::path path);

  /// What is appended begins on a line of its own.
  void append(std::string_view text);
  /// Appends what is in the regular file, or in each hashed certificate ("5ad8a5d6.0") of the folder; once,
  /// however often and by whatever name it is given. Nothing where it can't be read.
  void append_file(const std::filesystem::path& source);
  void close();

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  void append_folder(const std::filesystem::path& folder);
  void begin_line();
  void write(std::string_view bytes);
  [[noreturn]] void fail(int error) const;

  std::filesystem::path path_;
  vault::Descriptor file_;
  char last_ = '\n';
  std::vector<std::pair<dev_t, ino_t>> seen_;
};

}  // namespace standin::broker
