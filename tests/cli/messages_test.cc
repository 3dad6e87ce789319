#include "cli/messages.h"

#include <gtest/gtest.h>

namespace standin::cli {
namespace {

TEST(Messages, ControlBytesAreEscaped) {
  EXPECT_EQ(printable(std::string_view("a\x1b[2J\n\r\t\0\x7f", 10)), "a\\x1b[2J\\x0a\\x0d\\x09\\x00\\x7f");
}

TEST(Messages, ReadableTextIsLeftAlone) {
  EXPECT_EQ(printable("bücher … 日本 \U0001f511 \"quoted\" \\ back"),
            "bücher … 日本 \U0001f511 \"quoted\" \\ back");
}

TEST(Messages, WhatTurnsOrHidesTextIsEscaped) {
  EXPECT_EQ(printable("a\u202egro.evil"), "a\\u{202e}gro.evil");
  EXPECT_EQ(printable("a\u200bb"), "a\\u{200b}b");
  EXPECT_EQ(printable("\u2028"), "\\u{2028}");
  EXPECT_EQ(printable("\xc2\x9b"
                      "2J"),
            "\\u{9b}2J");                            // CSI as one character
  EXPECT_EQ(printable("\U000e0041"), "\\u{e0041}");  // tag characters
}

TEST(Messages, BytesThatAreNotUtf8AreEscapedOneByOne) {
  EXPECT_EQ(printable("\xff"), "\\xff");
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");           // overlong
  EXPECT_EQ(printable("\xe0\x80\xaf"), "\\xe0\\x80\\xaf");  // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
  EXPECT_EQ(printable("\xe2\x82"), "\\xe2\\x82");  // cut off
}

TEST(Messages, LongTextIsCut) {
  const std::string text = printable(std::string(100'000, 'n'), 50);
  EXPECT_EQ(text, std::string(50, 'n') + "…");
  EXPECT_LT(printable(std::string(100'000, '\x01')).size(), 1100U);
}

TEST(Messages, QuotedTextStaysOneLineAndShort) {
  EXPECT_EQ(in_quotes("a\nb"), "\"a\\x0ab\"");
  EXPECT_LT(in_quotes(std::string(10'000, 'n')).size(), 100U);
}

}  // namespace
}  // namespace standin::cli
