#include <random>

#include <gtest/gtest.h>

#include "proxy/decoded_body.h"
#include "tests/proxy/encoders.h"

namespace standin::proxy {
namespace {

/// Compressible, with stretches that are not.
std::string text_of(std::size_t size) {
  std::mt19937 engine(11);
  std::string text;
  while (text.size() < size) {
    text += "data: {\"delta\":\"word " + std::to_string(engine() % 1000) + "\"}\n\n";
    if (engine() % 8 == 0) text += static_cast<char>(engine());
  }
  text.resize(size);
  return text;
}

TEST(ContentDecoder, GivesBackWhatWasEncodedHoweverItIsCut) {
  const std::string text = text_of(200'000);
  const std::string few = text.substr(0, 700);
  for (const Format format : all_formats) {
    for (const std::size_t piece : {1, 7, 1000, 16'384, 1'000'000}) {
      const auto passed = decoded(coding_of(format), encoded(format, {text}), piece);
      EXPECT_EQ(passed.refusal, "");
      EXPECT_TRUE(passed.text == text) << static_cast<int>(format) << " in pieces of " << piece;
    }
    const std::string body = encoded(format, {few});
    for (std::size_t piece = 1; piece <= body.size(); ++piece) {
      ASSERT_EQ(decoded(coding_of(format), body, piece).text, few) << static_cast<int>(format) << piece;
    }
  }
}

TEST(ContentDecoder, AnEventThatWasFlushedDoesNotWait) {
  const std::vector<std::string> events = {"data: one\n\n", "data: two\n\n", "data: three\n\n"};
  for (const Format format : all_formats) {
    const auto decoder = make_decoder(coding_of(format));
    std::size_t fed = 0;
    for (std::size_t n = 1; n <= events.size(); ++n) {
      // The same parts make the same bytes, whatever is to come: so this ends where event n was flushed.
      std::vector<std::string> parts(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(n));
      const std::string body = flushed(format, parts);
      WipingBuffer out;
      EXPECT_FALSE(decoder->feed(body.substr(fed), out));
      EXPECT_EQ(view(out), events[n - 1]) << static_cast<int>(format);
      EXPECT_FALSE(decoder->has_more());
      fed = body.size();
    }
  }
}

TEST(ContentDecoder, NoBytesAtAllAreAnEmptyBody) {
  for (const Format format : all_formats) {
    const auto passed = decoded(coding_of(format), "", 1);
    EXPECT_EQ(passed.refusal, "");
    EXPECT_EQ(passed.text, "");
    EXPECT_EQ(decoded(coding_of(format), encoded(format, {""}), 1).refusal, "");
  }
}

TEST(ContentDecoder, AStreamThatIsCutOffIsRefused) {
  for (const Format format : all_formats) {
    const std::string body = encoded(format, {text_of(500)});
    for (std::size_t size = 1; size < body.size(); ++size) {
      const auto passed = decoded(coding_of(format), body.substr(0, size), 64);
      ASSERT_TRUE(passed.refusal.contains("ends too early"))
          << static_cast<int>(format) << " cut to " << size;
    }
  }
}

TEST(ContentDecoder, ADamagedStreamIsRefused) {
  for (const Format format : {Format::gzip, Format::zlib, Format::zstd}) {  // these have a checksum
    const std::string text = text_of(500);
    const std::string body = encoded(format, {text});
    std::size_t refused = 0;
    for (std::size_t at = 0; at < body.size(); ++at) {
      std::string damaged = body;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
      const auto passed = decoded(coding_of(format), damaged, 64);
      if (!passed.refusal.empty()) ++refused;
      EXPECT_TRUE(!passed.refusal.empty() || passed.text == text) << static_cast<int>(format) << " at " << at;
    }
    EXPECT_GT(refused, body.size() * 9 / 10);
  }
  for (const Format format : all_formats) {
    const auto passed = decoded(coding_of(format), "<html>this is not compressed at all</html>", 8);
    EXPECT_FALSE(passed.refusal.empty()) << static_cast<int>(format);
  }
}

TEST(ContentDecoder, ARefusalIsTheOriginsFault) {
  const auto decoder = make_decoder(Coding::gzip);
  WipingBuffer out;
  const auto refusal = decoder->feed("no gzip", out);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->status, 502U);
  EXPECT_EQ(refusal->code, "upstream_protocol");
  EXPECT_EQ(refusal->message, "the response's gzip coding is damaged");
}

TEST(ContentDecoder, MembersAndFramesOneAfterTheOtherAreOneBody) {
  for (const Format format : {Format::gzip, Format::zstd}) {
    const std::string body = encoded(format, {"one "}) + encoded(format, {""}) + encoded(format, {"two "}) +
                             encoded(format, {"three"});
    for (std::size_t piece = 1; piece <= body.size(); ++piece) {
      const auto passed = decoded(coding_of(format), body, piece);
      ASSERT_EQ(passed.text, "one two three");
      ASSERT_EQ(passed.refusal, "");
    }
  }
  const std::string skipped("\x50\x2a\x4d\x18\x03\0\0\0abc", 11);
  EXPECT_EQ(decoded(Coding::zstd, skipped + encoded(Format::zstd, {"x"}) + skipped, 5).text, "x");
}

TEST(ContentDecoder, WhatStandsBehindTheEndIsDropped) {
  for (const Format format : {Format::gzip, Format::zlib, Format::raw_deflate, Format::br}) {
    const std::string body = encoded(format, {"text"}) + std::string(3, '\0') + "and more";
    for (std::size_t piece = 1; piece <= body.size(); ++piece) {
      const auto passed = decoded(coding_of(format), body, piece);
      ASSERT_EQ(passed.text, "text");
      ASSERT_EQ(passed.refusal, "");
    }
  }
  EXPECT_NE(decoded(Coding::zstd, encoded(Format::zstd, {"text"}) + "and more", 4).refusal, "");
}

TEST(ContentDecoder, ABombComesOutPieceByPiece) {
  const std::string text(5'000'000, 'a');
  for (const Format format : all_formats) {
    const auto passed = decoded(coding_of(format), encoded(format, {text}), 1'000'000);
    EXPECT_TRUE(passed.text == text);
    EXPECT_LE(passed.most_at_once, ExpandingTransform::most_at_once);
  }
}

TEST(ContentDecoder, AWindowThatTakesTooMuchMemoryIsRefused) {
  const std::string text = text_of(200'000);  // no matter how short: the frame says it
  EXPECT_EQ(decoded(Coding::zstd, zstded({text.substr(0, 100'000), text.substr(100'000)}, 23), 4096).refusal,
            "");
  EXPECT_NE(decoded(Coding::zstd, zstded({text.substr(0, 100'000), text.substr(100'000)}, 24), 4096).refusal,
            "");
}

// --- several codings ---

/// Shows where the end was told.
class MarkedEnd final : public BodyTransform {
 public:
  std::optional<Refusal> feed(std::string_view piece, WipingBuffer& out) override {
    append(out, piece);
    return std::nullopt;
  }
  std::optional<Refusal> finish(WipingBuffer& out) override {
    append(out, "|");
    return std::nullopt;
  }
};

Passed through(const std::vector<Coding>& codings, std::string_view body, std::size_t piece) {
  DecodedBody decoded_body(codings, std::make_unique<MarkedEnd>());
  return pass(decoded_body, body, piece);
}

TEST(DecodedBody, UndoesCodingsInReverse) {
  const std::string text = text_of(20'000);
  const std::string body = encoded(Format::zstd, {encoded(Format::br, {encoded(Format::gzip, {text})})});
  for (const std::size_t piece : {1, 100, 100'000}) {
    const auto passed = through({Coding::gzip, Coding::br, Coding::zstd}, body, piece);
    EXPECT_EQ(passed.refusal, "");
    EXPECT_TRUE(passed.text == text + "|");
  }
  EXPECT_FALSE(through({Coding::zstd, Coding::br, Coding::gzip}, body, 100).refusal.empty());
}

TEST(DecodedBody, WithoutACodingPassesThingsOn) { EXPECT_EQ(through({}, "abc", 2).text, "abc|"); }

TEST(DecodedBody, ABombInABombComesOutPieceByPiece) {
  const std::string text(5'000'000, 'a');
  const std::string body = encoded(Format::gzip, {encoded(Format::br, {text})});
  const auto passed = through({Coding::br, Coding::gzip}, body, body.size());
  EXPECT_TRUE(passed.text == text + "|");
  EXPECT_LE(passed.most_at_once, 2 * ExpandingTransform::most_at_once);
}

TEST(DecodedBody, AnInnerStreamThatIsCutOffIsRefused) {
  const std::string inner = encoded(Format::gzip, {text_of(500)});
  const std::string body = encoded(Format::br, {inner.substr(0, inner.size() / 2)});
  EXPECT_TRUE(through({Coding::gzip, Coding::br}, body, 64).refusal.contains("gzip coding ends too early"));
}

}  // namespace
}  // namespace standin::proxy
