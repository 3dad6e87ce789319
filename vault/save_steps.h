#pragma once

namespace standin::vault {

/// Called, by name, before and after each system call of a save that changes anything on disk. Null but
/// in the tests that kill the process there.
inline void (*on_save_step)(const char* step) = nullptr;

inline void save_step(const char* step) {
  if (on_save_step != nullptr) on_save_step(step);
}

}  // namespace standin::vault
