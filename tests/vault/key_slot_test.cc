#include "vault/key_slot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/vault/vault_fixture.h"
#include "vault/key_file.h"

namespace standin::vault::test {
namespace {

using testing::HasSubstr;
using Kind = Error::Kind;

/// A vault with a passphrase slot.
class PassphraseVault {
 public:
  PassphraseVault() { Vault::create(path(), passphrase("correct horse")).add("a", "", secret_of("1")); }
  [[nodiscard]] std::filesystem::path path() const { return folder / "vault"; }
  static Unlock passphrase(std::string_view text) { return Passphrase{.text = secret_of(text)}; }
  TemporaryFolder folder;
};

TEST(KeySlot, KeyFileIsBase64WithANewline) {
  const VaultOnDisk disk;
  const std::string text = read_text(disk.key_path());
  ASSERT_EQ(text.size(), 45u);
  EXPECT_EQ(text.back(), '\n');
  EXPECT_EQ(text[43], '=');
}

TEST(KeySlot, KeyValueOpensTheKeyFilesSlotWithOrWithoutNewline) {
  VaultOnDisk disk;
  disk.with("a", "", "1");
  const std::string key = read_text(disk.key_path()).substr(0, 44);
  std::filesystem::remove(disk.key_path());
  for (const char* end : {"", "\n", "\r\n"}) {
    const Vault vault = Vault::open(disk.path(), KeyValue{.base64 = secret_of(key + end)});
    EXPECT_EQ(text_of(vault.secret("a")), "1");
  }
}

TEST(KeySlot, VaultMadeWithAKeyValueOpensWithAKeyFileOfTheSameText) {
  const TemporaryFolder folder;
  const std::string key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
  Vault::create(folder / "vault", KeyValue{.base64 = secret_of(key)}).add("a", "", secret_of("1"));
  EXPECT_EQ(names_in(folder.path()), (std::vector<std::string>{"vault", "vault.lock"}));
  write_text(folder / "key", key);
  EXPECT_EQ(text_of(Vault::open(folder / "vault", KeyFile{.path = folder / "key"}).secret("a")), "1");
}

TEST(KeySlot, TextThatIsNoKeyIsRefusedWithoutShowingIt) {
  const VaultOnDisk disk;
  const std::string key = read_text(disk.key_path()).substr(0, 44);
  const std::string urlsafe = "____MzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
  for (const std::string& text :
       {std::string(), std::string("secretish"), key.substr(0, 43), key + "=", key + key, " " + key,
        key + "\n\n", key + " ", urlsafe, std::string(44, '\0'), std::string(44, '=')}) {
    write_text(disk.folder / "bad", text);
    const auto error = error_of([&] { Vault::open(disk.path(), KeyFile{.path = disk.folder / "bad"}); });
    ASSERT_TRUE(error) << text;
    EXPECT_EQ(error->kind(), Kind::wrong_key) << text;
    EXPECT_THAT(error->what(), HasSubstr("is not the base64 text of 32 bytes"));
    EXPECT_THAT(error->what(), Not(HasSubstr("secretish")));
    EXPECT_EQ(kind_of([&] { Vault::open(disk.path(), KeyValue{.base64 = secret_of(text)}); }),
              Kind::wrong_key);
    EXPECT_EQ(kind_of([&] { Vault::create(disk.folder / "n", KeyValue{.base64 = secret_of(text)}); }),
              Kind::wrong_key);
  }
}

TEST(KeySlot, KeyOfAnotherVaultIsAWrongKey) {
  const VaultOnDisk disk;
  const VaultOnDisk other;
  const auto error = error_of([&] { Vault::open(disk.path(), other.key()); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), Kind::wrong_key);
  EXPECT_EQ(error->what(),
            "vault " + disk.path().native() + " does not open with key file " + other.key_path().native());
}

TEST(KeySlot, MissingKeyFileIsToldFromAMissingVault) {
  const VaultOnDisk disk;
  std::filesystem::remove(disk.key_path());
  const auto error = disk.error_on_open();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), Kind::missing);
  EXPECT_EQ(error->what(), "there is no key file " + disk.key_path().native());
  EXPECT_THAT(error->hint(), HasSubstr("STANDIN_KEY_FILE"));
}

TEST(KeySlot, LinkInPlaceOfTheKeyFileIsNotFollowed) {
  const VaultOnDisk disk;
  std::filesystem::create_symlink(disk.key_path(), disk.folder / "link");
  const auto error = error_of([&] { Vault::open(disk.path(), KeyFile{.path = disk.folder / "link"}); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), Kind::io);
  EXPECT_THAT(error->what(), HasSubstr("is a symbolic link"));
  EXPECT_EQ(kind_of([&] { Vault::create(disk.folder / "n", KeyFile{.path = disk.folder / "link"}); }),
            Kind::exists);
}

TEST(KeySlot, PassphraseOpensItsVaultAndNoOtherDoes) {
  const PassphraseVault made;
  EXPECT_EQ(Vault::slots(made.path()), std::vector{SlotKind::passphrase});
  EXPECT_EQ(text_of(Vault::open(made.path(), made.passphrase("correct horse")).secret("a")), "1");
  for (const char* wrong : {"correct hors", "correct horse\n", ""}) {
    const auto error = error_of([&] { Vault::open(made.path(), made.passphrase(wrong)); });
    ASSERT_TRUE(error) << wrong;
    EXPECT_EQ(error->kind(), Kind::wrong_key);
    EXPECT_THAT(error->what(), Not(HasSubstr("horse")));
  }
}

TEST(KeySlot, PassphraseSlotRecordsTheInteractiveCostAndItsOwnSalt) {
  const PassphraseVault made;
  const PassphraseVault second;
  const Bytes body = parse_vault_file(read_bytes(made.path()), "vault").slots.at(0).body;
  EXPECT_EQ(number_at<std::uint32_t>(body), 2u);
  EXPECT_EQ(number_at<std::uint32_t>(View(body).subspan(4)), 65536u);
  const Bytes other = parse_vault_file(read_bytes(second.path()), "vault").slots.at(0).body;
  EXPECT_NE(Bytes(body.begin() + 8, body.begin() + 24), Bytes(other.begin() + 8, other.begin() + 24));
}

TEST(KeySlot, EmptyPassphraseMakesNoVault) {
  const TemporaryFolder folder;
  EXPECT_EQ(kind_of([&] { Vault::create(folder / "vault", PassphraseVault::passphrase("")); }),
            Kind::bad_secret);
  EXPECT_FALSE(std::filesystem::exists(folder / "vault"));
}

TEST(KeySlot, VaultWithoutASlotOfTheGivenKindSaysWhatOpensIt) {
  const PassphraseVault by_passphrase;
  const VaultOnDisk by_key;
  const auto locked = error_of([&] { Vault::open(by_passphrase.path(), by_key.key()); });
  ASSERT_TRUE(locked);
  EXPECT_EQ(locked->kind(), Kind::locked_out);
  EXPECT_THAT(locked->hint(), HasSubstr("passphrase"));
  const auto wrong = error_of([&] { Vault::open(by_key.path(), PassphraseVault::passphrase("x")); });
  ASSERT_TRUE(wrong);
  EXPECT_EQ(wrong->kind(), Kind::wrong_key);
  EXPECT_THAT(wrong->hint(), HasSubstr("key file"));
}

// Were these numbers believed, opening would take 4 TiB or a week, before anything is authenticated.
TEST(KeySlot, HostileCostIsRefusedBeforeItIsPaid) {
  const PassphraseVault made;
  const Bytes good = read_bytes(made.path());
  struct Case {
    std::size_t offset;
    std::uint32_t value;
  };
  for (const auto& [offset, value] : {Case{52, 0}, Case{52, 5}, Case{52, 0xffffffff}, Case{56, 7},
                                      Case{56, 1048577}, Case{56, 0xffffffff}}) {
    Bytes hostile = good;
    Bytes number;
    append_number(number, value);
    std::ranges::copy(number, hostile.begin() + static_cast<std::ptrdiff_t>(offset));
    fix_digest(hostile);
    write_bytes(made.path(), hostile);
    const auto error = error_of([&] { Vault::open(made.path(), made.passphrase("correct horse")); });
    ASSERT_TRUE(error) << offset << " " << value;
    EXPECT_EQ(error->kind(), Kind::corrupt);
    EXPECT_THAT(error->what(), HasSubstr("slot 1"));
  }
}

TEST(KeySlot, LoweredCostDoesNotOpen) {
  const PassphraseVault made;
  Bytes cheap = read_bytes(made.path());
  cheap.at(52) = std::byte{1};
  fix_digest(cheap);
  write_bytes(made.path(), cheap);
  EXPECT_EQ(kind_of([&] { Vault::open(made.path(), made.passphrase("correct horse")); }), Kind::wrong_key);
}

/// Gives the vault another slot, as a later standin that holds the key would.
enum class Where : std::uint8_t { first, last };
void add_slot(const VaultOnDisk& disk, KeySlot slot, Where where) {
  VaultFile file = parse_vault_file(read_bytes(disk.path()), "vault");
  Secret text(45);
  text.fill([&](std::span<std::byte> out) { std::ranges::copy(read_bytes(disk.key_path()), out.begin()); });
  const auto data_key = unlock_with_key(file, decode_key(text));
  ASSERT_TRUE(data_key);
  file.slots.insert(where == Where::first ? file.slots.begin() : file.slots.end(), std::move(slot));
  write_bytes(disk.path(), encode_vault_file(file, *data_key));
}

TEST(KeySlot, UnknownKindIsSkippedWhenOpeningAndKeptWhenSaving) {
  for (const Where where : {Where::first, Where::last}) {
    VaultOnDisk disk;
    const Bytes body(4096, std::byte{0x5a});
    add_slot(disk, {.kind = 200, .body = body}, where);
    add_slot(disk, {.kind = 0, .body = {}}, where);
    disk.with("a", "", "1");
    EXPECT_EQ(text_of(disk.open().secret("a")), "1");
    EXPECT_EQ(Vault::slots(disk.path()), std::vector{SlotKind::key_file});
    const VaultFile file = parse_vault_file(read_bytes(disk.path()), "vault");
    ASSERT_EQ(file.slots.size(), 3u);
    EXPECT_EQ(file.slots[where == Where::first ? 0 : 2].kind, 0);
    EXPECT_EQ(file.slots[1].kind, 200);
    EXPECT_EQ(file.slots[where == Where::first ? 1 : 2].body.size(), where == Where::first ? 4096u : 0u);
  }
}

TEST(KeySlot, TwoSlotsOpenTheSameVault) {
  const VaultId id{std::byte{1}};
  const DataKey data_key = DataKey::random();
  const Secret first = secret_of(std::string(32, '1'));
  const Secret second = secret_of(std::string(32, '2'));
  VaultFile file{.id = id, .slots = {}, .records = {}};
  for (const Secret* key : {&first, &second}) file.slots.push_back(seal_key_slot(id, data_key, *key));
  for (const Secret* key : {&first, &second}) {
    const auto opened = unlock_with_key(file, *key);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->derive("audit"), data_key.derive("audit"));
  }
  EXPECT_FALSE(unlock_with_key(file, secret_of(std::string(32, '3'))));
}

TEST(KeySlot, SlotOfAnotherVaultDoesNotOpen) {
  const DataKey data_key = DataKey::random();
  const Secret key = secret_of(std::string(32, '1'));
  VaultFile file{.id = VaultId{std::byte{1}}, .slots = {}, .records = {}};
  file.slots.push_back(seal_key_slot(VaultId{std::byte{2}}, data_key, key));
  EXPECT_FALSE(unlock_with_key(file, key));
}

}  // namespace
}  // namespace standin::vault::test
