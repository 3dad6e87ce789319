#include "cli/output.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>

#include <gtest/gtest.h>

#include "cli/error.h"

namespace standin::cli {
namespace {

/// What `write` prints, through a pipe.
template <class Write>
std::string printed(Write write) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  Output out(ends[1]);
  write(out);
  out.flush();
  ::close(ends[1]);
  std::string text(1 << 16, '\0');
  const ssize_t n = ::read(ends[0], text.data(), text.size());
  ::close(ends[0]);
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return text;
}

TEST(Output, NothingIsWrittenBeforeFlush) {
  const std::string text = printed([](Output& out) {
    out.print("a");
    out.line("b");
  });
  EXPECT_EQ(text, "ab\n");
}

TEST(Output, AFullDiskIsAnError) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  Output out(full);
  out.line("x");
  EXPECT_THROW(out.flush(), Error);
  ::close(full);
}

TEST(Output, AClosedDescriptorIsAnError) {
  Output out(-1);
  out.line("x");
  EXPECT_THROW(out.flush(), Error);
}

TEST(Output, AReaderThatHasGoneIsTold) {
  struct sigaction before {};
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &before);
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  ::close(ends[0]);
  Output out(ends[1]);
  out.line("x");
  EXPECT_THROW(out.flush(), Output::ClosedPipe);
  ::close(ends[1]);
  ::sigaction(SIGPIPE, &before, nullptr);
}

TEST(Table, ColumnsAreAlignedByWhatIsSeen) {
  Table table({"NAME", "WHAT"});
  table.add({"bücher", "x"});
  table.add({"a", "y"});
  EXPECT_EQ(printed([&](Output& out) { table.print(out); }), "NAME    WHAT\nbücher  x\na       y\n");
}

TEST(Table, HostileCellsStayOnTheirLine) {
  Table table({"NAME"});
  table.add({"a\nb\x1b[2J"});
  EXPECT_EQ(printed([&](Output& out) { table.print(out); }), "NAME\na\\x0ab\\x1b[2J\n");
}

TEST(Table, NothingIsCutWhereThereIsNoTerminal) {
  Table table({"NAME"});
  table.add({std::string(500, 'n')});
  EXPECT_EQ(printed([&](Output& out) { table.print(out); }).size(), 5 + 501U);
}

TEST(Facts, ValuesStandBelowEachOther) {
  Facts facts;
  facts.add("one", {"a", "b"});
  facts.add("longer", {"c"});
  EXPECT_EQ(printed([&](Output& out) { facts.print(out); }), "one     a\n        b\nlonger  c\n");
}

}  // namespace
}  // namespace standin::cli
