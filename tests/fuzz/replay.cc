// Feeds a fuzz target each file of a folder, and each of them cut short: the corpus as a plain test.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::size_t most_cuts = 64;

void feed(const std::string& bytes, std::size_t size) {
  // A block of exactly this size, so that AddressSanitizer sees a read past its end.
  const std::vector<std::uint8_t> block(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
  LLVMFuzzerTestOneInput(block.data(), block.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || !std::filesystem::is_directory(argv[1])) {
    std::cerr << "replay: error: no corpus folder " << (argc == 2 ? argv[1] : "given") << "\n";
    return 1;
  }
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    const std::size_t step = std::max<std::size_t>(1, bytes.size() / most_cuts);
    for (std::size_t size = 0; size < bytes.size(); size += step) feed(bytes, size);
    feed(bytes, bytes.size());
    ++files;
  }
  std::cout << files << " inputs replayed\n";
  return files == 0 ? 1 : 0;
}
