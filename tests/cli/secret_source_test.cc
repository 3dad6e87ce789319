#include "cli/secret_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <set>

#include <gtest/gtest.h>

#include "cli/error.h"
#include "tests/scoped_variable.h"
#include "tests/temporary_folder.h"
#include "vault/vault.h"

namespace standin::cli {
namespace {

vault::Secret secret(std::string_view text) { return vault::Secret::copy_of(std::as_bytes(std::span(text))); }

/// The file that a test reads from.
class SecretSourceTest : public testing::Test {
 protected:
  SecretSource holds(std::string_view content) {
    return {SecretSource::Kind::file, folder.file("secret", content)};
  }
  static vault::Secret read(const SecretSource& source) { return read_secret(source, ""); }
  static vault::Secret of_command(const std::string& command) {
    return read({SecretSource::Kind::command, command});
  }

  test::TemporaryFolder folder;
};

TEST_F(SecretSourceTest, OneLineEndIsTakenOff) {
  EXPECT_EQ(read(holds("s\n")), secret("s"));
  EXPECT_EQ(read(holds("s\r\n")), secret("s"));
  EXPECT_EQ(read(holds("s")), secret("s"));
  EXPECT_EQ(read(holds("s\n\n")), secret("s\n"));
  EXPECT_EQ(read(holds("s\r")), secret("s\r"));
  EXPECT_EQ(read(holds("\ns")), secret("\ns"));
}

TEST_F(SecretSourceTest, BytesAreKeptAsTheyAre) {
  constexpr std::string_view bytes("a\0b\n\xff\x1b c", 9);
  EXPECT_EQ(read(holds(bytes)), secret(bytes));
}

TEST_F(SecretSourceTest, EmptyIsRefused) {
  for (const char* content : {"", "\n", "\r\n"}) EXPECT_THROW(read(holds(content)), Error);
}

TEST_F(SecretSourceTest, TheLargestIsTakenAndOneMoreIsNot) {
  const std::string largest(vault::Vault::max_secret_bytes, 'x');
  EXPECT_EQ(read(holds(largest)).size(), largest.size());
  EXPECT_EQ(read(holds(largest + "\r\n")).size(), largest.size());
  EXPECT_THROW(read(holds(largest + "x")), Error);
  EXPECT_THROW(read(holds(largest + "x\n")), Error);
  EXPECT_THROW(read(holds(largest + "\n\n\n")), Error);
}

TEST_F(SecretSourceTest, AVariableIsRead) {
  const test::ScopedVariable set("STANDIN_TEST_SECRET", "from the environment");
  EXPECT_EQ(read({SecretSource::Kind::variable, "STANDIN_TEST_SECRET"}), secret("from the environment"));
  EXPECT_THROW(read({SecretSource::Kind::variable, "STANDIN_TEST_NONE"}), Error);
}

TEST_F(SecretSourceTest, ACommandsOutputIsTheSecret) {
  EXPECT_EQ(of_command("printf 'a b\\nc\\n'"), secret("a b\nc"));
}

TEST_F(SecretSourceTest, ACommandThatFailsIsAnErrorWhateverItSaid) {
  EXPECT_THROW(of_command("echo secret; exit 1"), Error);
  EXPECT_THROW(of_command("echo secret; kill -KILL $$"), Error);
  EXPECT_THROW(of_command("no-such-command 2>/dev/null"), Error);
  EXPECT_THROW(of_command("true"), Error);
}

TEST_F(SecretSourceTest, ACommandThatNeverEndsIsEnded) {
  EXPECT_THROW(of_command("exec cat /dev/zero"), Error);
}

/// The descriptors of this process that a program it starts would have, as "0 1 2 ".
std::string inherited_descriptors() {
  std::set<int> numbers;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int number = std::stoi(entry.path().filename());
    const int flags = ::fcntl(number, F_GETFD);
    if (number < 64 && flags >= 0 && (flags & FD_CLOEXEC) == 0) numbers.insert(number);
  }
  std::string text;
  for (const int number : numbers) text += std::to_string(number) + " ";
  return text;
}

TEST_F(SecretSourceTest, ACommandInheritsNoDescriptorOfOurs) {
  // Builtins alone: a pipeline would show the shell's own pipes.
  const char* const count =
      "n=0; while [ $n -lt 64 ]; do [ -e /proc/$$/fd/$n ] && printf '%s ' $n; n=$((n+1)); done; true";
  EXPECT_EQ(of_command(count), secret(inherited_descriptors()));
}

TEST(SecretSource, FormsAreParsed) {
  EXPECT_EQ(SecretSource::parse("stdin").kind, SecretSource::Kind::standard_input);
  EXPECT_EQ(SecretSource::parse("env:A").text, "A");
  EXPECT_EQ(SecretSource::parse("file:a:b").text, "a:b");
  EXPECT_EQ(SecretSource::parse("cmd:a b:c").text, "a b:c");
}

TEST(SecretSource, AWrongFormIsNotRepeatedInTheError) {
  for (const char* text : {"hunter2", "env:", "cmd:", "file:", "", "stdin:hunter2", "http://hunter2"}) {
    try {
      SecretSource::parse(text);
      FAIL() << text;
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find("hunter2"), std::string::npos);
    }
  }
}

TEST(SecretVariable, IsTakenOutAndItsPlaceWiped) {
  const test::ScopedVariable set("STANDIN_TEST_KEY", "the key itself");
  const char* place = ::getenv("STANDIN_TEST_KEY");
  const auto taken = take_secret_variable("STANDIN_TEST_KEY");
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(*taken, secret("the key itself"));
  EXPECT_EQ(::getenv("STANDIN_TEST_KEY"), nullptr);
  for (std::size_t i = 0; i < std::strlen("the key itself"); ++i) EXPECT_EQ(place[i], '\0');
  EXPECT_FALSE(take_secret_variable("STANDIN_TEST_KEY").has_value());
}

}  // namespace
}  // namespace standin::cli
