#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace standin::test {

/// A whole file; empty where there is none.
inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace standin::test
