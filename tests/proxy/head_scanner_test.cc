#include "proxy/head_scanner.h"

#include <string>

#include <gtest/gtest.h>

namespace standin::proxy {
namespace {

using State = HeadScanner::State;

struct Scan {
  State state = State::more;
  std::size_t length = 0;
  std::string reason;
  bool operator==(const Scan&) const = default;
};

template <class... Pieces>
Scan scan(Pieces... pieces) {
  HeadScanner scanner;
  State state = State::more;
  for (const std::string_view piece : {std::string_view(pieces)...}) state = scanner.feed(piece);
  return {state, state == State::done ? scanner.length() : 0, std::string(scanner.reason())};
}

Scan scan_byte_by_byte(std::string_view bytes) {
  HeadScanner scanner;
  State state = State::more;
  for (const char& byte : bytes) {
    state = scanner.feed({&byte, 1});
    if (state != State::more) break;
  }
  return {state, state == State::done ? scanner.length() : 0, std::string(scanner.reason())};
}

/// The verdict on `head`, which must be the same however it is cut.
Scan scan_all_ways(const std::string& head) {
  const Scan whole = scan(head);
  for (std::size_t cut = 0; cut <= head.size(); ++cut)
    EXPECT_EQ(scan(head.substr(0, cut), head.substr(cut)), whole) << "cut at " << cut;
  EXPECT_EQ(scan_byte_by_byte(head), whole);
  return whole;
}

std::string why(const std::string& head) {
  const Scan result = scan_all_ways(head);
  return result.state == State::bad ? result.reason : "not refused";
}

TEST(HeadScanner, FindsTheEndAndNothingBehindIt) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\nX:\r\nY: \t b \r\n\r\n";
  EXPECT_EQ(scan_all_ways(head), (Scan{State::done, head.size(), ""}));
  EXPECT_EQ(scan_all_ways(head + "\nGET / HTTP"), (Scan{State::done, head.size(), ""}));
  EXPECT_EQ(scan_all_ways("GET / HTTP/1.1\r\n\r\n").length, 18U);
}

TEST(HeadScanner, WaitsForMore) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (std::size_t size = 0; size < head.size(); ++size)
    EXPECT_EQ(scan_all_ways(head.substr(0, size)).state, State::more) << size;
}

TEST(HeadScanner, BareLineEndingsAreRefused) {
  EXPECT_EQ(why("GET / HTTP/1.1\nHost: a\r\n\r\n"), "a bare line feed");
  EXPECT_EQ(why("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"), "a bare line feed");
  EXPECT_EQ(why("GET / HTTP/1.1\r\nHost: a\r\n\n"), "a bare line feed");
  EXPECT_EQ(why("GET / HTTP/1.1\rHost: a\r\n\r\n"), "a bare carriage return");
  EXPECT_EQ(why("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"), "a bare carriage return");
  EXPECT_EQ(why("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"), "a bare carriage return");
  EXPECT_EQ(why("GET / HTTP/1.1\r\nHost: a\r\n\rX"), "a bare carriage return");
}

TEST(HeadScanner, FoldedLinesAreRefused) {
  EXPECT_EQ(why("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"), "a folded field line");
  EXPECT_EQ(why("GET / HTTP/1.1\r\n\tTransfer-Encoding: chunked\r\n\r\n"), "a folded field line");
}

TEST(HeadScanner, OddNamesAreRefused) {
  EXPECT_EQ(why("GET / HTTP/1.1\r\nHost : a\r\n\r\n"), "white space before a colon");
  EXPECT_EQ(why("GET / HTTP/1.1\r\nHost\t: a\r\n\r\n"), "white space before a colon");
  EXPECT_EQ(why("GET / HTTP/1.1\r\n: a\r\n\r\n"), "a field without a name");
  EXPECT_EQ(why("GET / HTTP/1.1\r\nHost\r\n\r\n"), "a field line without a colon");
}

TEST(HeadScanner, ControlBytesAreRefusedEverywhere) {
  for (int c = 0; c < 0x80; ++c) {
    if (c == '\t' || c == '\r' || c == '\n' || (c >= 0x20 && c != 0x7f)) continue;
    const std::string byte(1, static_cast<char>(c));
    EXPECT_EQ(why("GET /" + byte + " HTTP/1.1\r\n\r\n"), "a control byte") << c;
    EXPECT_EQ(why("GET / HTTP/1.1\r\nA" + byte + ": b\r\n\r\n"), "a control byte") << c;
    EXPECT_EQ(why("GET / HTTP/1.1\r\n" + byte + "A: b\r\n\r\n"), "a control byte") << c;
    EXPECT_EQ(why("GET / HTTP/1.1\r\nA: " + byte + "b\r\n\r\n"), "a control byte") << c;
  }
  EXPECT_EQ(scan_all_ways("GET / HTTP/1.1\r\nA: \x80\xff\tz\r\n\r\n").state, State::done);
}

TEST(HeadScanner, AnEmptyStartLineIsRefused) {
  EXPECT_EQ(why("\r\nGET / HTTP/1.1\r\n\r\n"), "an empty start line");
}

}  // namespace
}  // namespace standin::proxy
