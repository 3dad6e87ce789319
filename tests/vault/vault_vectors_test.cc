#include <map>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sodium.h>

#include "tests/vault/vault_fixture.h"

// tests/vectors/vault/*.txt: made by make_vectors.py from docs/vault-format.md, not by our code. The first
// line says how opening ends; then come what opens it and what is in it; after an empty line the file in hex.
namespace standin::vault::test {
namespace {

using testing::HasSubstr;
using Kind = Error::Kind;

Bytes from_hex(const std::string& hex) {
  Bytes bytes(hex.size() / 2 + 1);  // never without memory, for an empty file
  std::size_t size = 0;
  if (sodium_hex2bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), hex.data(), hex.size(),
                     "\n", &size, nullptr) != 0)
    throw std::runtime_error("not hex");
  bytes.resize(size);
  return bytes;
}

std::string to_hex(const std::string& text) {
  std::string hex(text.size() * 2 + 1, '\0');
  sodium_bin2hex(hex.data(), hex.size(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
  hex.pop_back();
  return hex;
}

struct Vector {
  explicit Vector(const std::filesystem::path& path) {
    std::istringstream in(read_text(path));
    std::string line;
    while (std::getline(in, line) && !line.empty()) {
      const std::size_t colon = line.find(": ");
      const std::string field = line.substr(0, colon);
      const std::string value = line.substr(colon + 2);
      if (fields.empty() && field != "expect")
        throw std::runtime_error("the first line is not what to expect");
      if (field == "entry")
        entries.push_back(value);
      else
        fields[field] = value;
    }
    file = from_hex({std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()});
  }

  [[nodiscard]] Unlock unlock() const {
    if (fields.contains("passphrase")) return Passphrase{.text = secret_of(fields.at("passphrase"))};
    return KeyValue{.base64 = secret_of(fields.at("key"))};
  }

  std::map<std::string, std::string> fields;
  std::vector<std::string> entries;
  Bytes file;
};

/// How an `expect:` line shows: the error's kind, and what its message says after the path.
struct Ending {
  Kind kind;
  std::string says;
};
const std::map<std::string, Ending> endings = {
    {"truncated", {Kind::truncated, " is cut short after "}},
    {"newer version", {Kind::newer_version, " has format "}},
    {"corrupt magic", {Kind::corrupt, " is corrupt: it does not begin as a vault file does"}},
    {"corrupt header", {Kind::corrupt, " is corrupt: header "}},
    {"corrupt slot", {Kind::corrupt, " is corrupt: slot "}},
    {"corrupt record", {Kind::corrupt, " is corrupt: record "}},
    {"corrupt secret", {Kind::corrupt, " is corrupt: the secret of \"github\" "}},
    {"corrupt end", {Kind::corrupt, " has bytes "}},
    {"corrupt digest", {Kind::corrupt, " is corrupt: its digest "}},
    {"corrupt mac", {Kind::corrupt, " is corrupt: its MAC "}},
    {"wrong key", {Kind::wrong_key, " does not open with "}},
    {"locked out", {Kind::locked_out, " has no slot for a key file"}},
};

std::vector<std::string> entries_of(const Vault& vault) {
  std::vector<std::string> lines;
  for (const Entry& e : vault.entries()) {
    std::ostringstream line;
    line << e.name << ' ' << e.version << ' ' << e.created.time_since_epoch().count() << ' '
         << e.rotated.time_since_epoch().count() << ' ' << (e.scope.empty() ? "-" : to_hex(e.scope)) << ' '
         << to_hex(text_of(vault.secret(e.name)));
    lines.push_back(line.str());
  }
  return lines;
}

void check_success(const Vector& vector, const std::filesystem::path& path) {
  Vault vault = Vault::open(path, vector.unlock());
  EXPECT_EQ(entries_of(vault), vector.entries);
  if (vector.fields.contains("audit-key")) {
    EXPECT_EQ(to_hex(text_of(vault.derive_key("audit"))), vector.fields.at("audit-key"));
  }
  // What another implementation wrote, ours rewrites: the layout has one spelling.
  const VaultFile file = parse_vault_file(vector.file, "vault");
  EXPECT_EQ(encode_layout(file), Bytes(vector.file.begin(), vector.file.end() - 64));
  vault.add("added", "", secret_of("s"));
  vault.remove("added");
  EXPECT_EQ(entries_of(Vault::open(path, vector.unlock())), vector.entries);
}

void check_failure(const Vector& vector, const Ending& ending, const std::filesystem::path& path) {
  const auto error = error_of([&] {
    const Vault vault = Vault::open(path, vector.unlock());
    (void)entries_of(vault);  // opens the secrets
  });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), ending.kind) << error->what();
  EXPECT_THAT(error->what(), HasSubstr(ending.says));
  EXPECT_EQ(read_bytes(path), vector.file);
}

TEST(VaultVectors, EachEndsAsItsFirstLineSays) {
  int walked = 0;
  for (const auto& entry : std::filesystem::directory_iterator(STANDIN_SOURCE_DIR "/tests/vectors/vault")) {
    if (entry.path().extension() != ".txt") continue;
    SCOPED_TRACE(entry.path().filename());
    const Vector vector(entry.path());
    const TemporaryFolder folder;
    write_bytes(folder / "vault", vector.file);
    const std::string& expect = vector.fields.at("expect");
    if (expect == "success")
      check_success(vector, folder / "vault");
    else
      check_failure(vector, endings.at(expect), folder / "vault");
    ++walked;
  }
  EXPECT_GE(walked, 70);
}

}  // namespace
}  // namespace standin::vault::test
