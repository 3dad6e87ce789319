#include "vault/secret.h"

#include <sys/resource.h>

#include <concepts>
#include <ostream>
#include <thread>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

#include "tests/vault/vault_fixture.h"

namespace standin::vault::test {
namespace {

template <class T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};
static_assert(!Printable<Secret>, "a secret can't be printed");
static_assert(!std::copyable<Secret> && std::movable<Secret>);
static_assert(!std::convertible_to<Secret, std::string>);

TEST(Secret, HoldsTheBytesItWasMadeOf) {
  const std::string bytes("a\0b\n\xff", 5);
  EXPECT_EQ(text_of(secret_of(bytes)), bytes);
  EXPECT_EQ(secret_of(bytes).size(), 5u);
}

TEST(Secret, BeginsAsZeroBytes) { EXPECT_EQ(text_of(Secret(3)), std::string(3, '\0')); }

TEST(Secret, EmptyOneOwnsNothingAndIsLentAsNothing) {
  const Secret none;
  EXPECT_TRUE(none.empty());
  EXPECT_TRUE(secret_of("").empty());
  EXPECT_EQ(text_of(none), "");
  EXPECT_EQ(none, secret_of(""));
}

TEST(Secret, ComparesByLengthAndContent) {
  EXPECT_EQ(secret_of("abc"), secret_of("abc"));
  EXPECT_FALSE(secret_of("abc") == secret_of("abd"));
  EXPECT_FALSE(secret_of("abc") == secret_of("ab"));
  EXPECT_FALSE(secret_of("abc") == Secret());
}

TEST(Secret, MovingLeavesNothingBehind) {
  Secret from = secret_of("abc");
  Secret to = std::move(from);
  EXPECT_TRUE(from.empty());  // NOLINT: what is tested
  EXPECT_EQ(text_of(to), "abc");
  from = secret_of("old");
  from = std::move(to);
  EXPECT_TRUE(to.empty());  // NOLINT: the old value is not handed over
  EXPECT_EQ(text_of(from), "abc");
}

TEST(Secret, MovingToItselfKeepsIt) {
  Secret secret = secret_of("abc");
  Secret& same = secret;
  secret = std::move(same);
  EXPECT_EQ(text_of(secret), "abc");
}

TEST(Secret, TruncatingWipesTheRest) {
  Secret secret = secret_of("keep-and-wipe");
  const std::byte* whole = secret.reveal([](View bytes) { return bytes.data(); });
  secret.truncate(4);
  EXPECT_EQ(text_of(secret), "keep");
  for (std::size_t i = 4; i < 13; ++i) EXPECT_EQ(whole[i], std::byte{0}) << i;
  secret.truncate(100);
  EXPECT_EQ(secret.size(), 4u);
}

TEST(SecretDeathTest, ReadingPastItsEndHitsTheGuardPage) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const Secret secret = secret_of("0123456789abcdef");
  EXPECT_DEATH(
      {
        const volatile std::byte* bytes = secret.reveal([](View b) { return b.data(); });
        std::exit(std::to_integer<int>(bytes[16]));
      },
      "");
}

// Older hosts allow 64 KiB of locked memory, containers none.
TEST(Secret, WorksWhereMemoryCannotBeLocked) {
  const TemporaryFolder folder;
  const int status = exit_status_as_ordinary_user(folder.path(), [] {
    const rlimit none{.rlim_cur = 0, .rlim_max = 0};
    if (::setrlimit(RLIMIT_MEMLOCK, &none) != 0) ::_exit(1);
    const std::string large(1 << 20, 'x');
    std::vector<Secret> many;
    for (int i = 0; i < 8; ++i) many.push_back(secret_of(large));
    for (const Secret& secret : many)
      if (text_of(secret) != large) ::_exit(2);
  });
  EXPECT_EQ(status, 0);
}

TEST(Secret, CanBeMadeFirstOnManyThreadsAtOnce) {
  const int status = exit_status_of([] {
    std::vector<std::thread> threads;
    std::atomic<int> right = 0;
    for (int i = 0; i < 8; ++i) threads.emplace_back([&] { right += text_of(secret_of("abc")) == "abc"; });
    for (std::thread& thread : threads) thread.join();
    ::_exit(right == 8 ? 0 : 1);
  });
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace standin::vault::test
