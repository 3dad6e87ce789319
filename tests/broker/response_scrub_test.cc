#include "broker/response_scrub.h"

#include <deque>

#include <gmock/gmock.h>

#include "tests/broker/scrubber_fixture.h"
#include "tests/proxy/encoders.h"

namespace standin::broker {
namespace {

using proxy::encoded;
using proxy::Format;
using testing::ElementsAre;
using testing::IsEmpty;

const std::string secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
const std::string stand_in = "ghp_standinXXXXXXXXXXXXXXXXXXXXXXXXXXXXX";
const std::string secret_body = "{\"token\":\"" + secret + "\"}";
const std::string stand_in_body = "{\"token\":\"" + stand_in + "\"}";

using Fields = std::vector<proxy::Field>;

proxy::Origin origin() {
  return proxy::Origin::from_authority(proxy::Scheme::https, "api.github.com").value();
}

void note(SentSecrets& sent, std::size_t index, std::string_view text, std::string_view known_as) {
  sent.note(origin(), index, 1, vault::Secret::copy_of(std::as_bytes(std::span(text))), known_as);
}

/// One response on its way back, to a request that carried `secret`.
class ResponseScrubTest : public testing::Test {
 public:
  ResponseScrubTest() { note(sent_, 0, secret, stand_in); }

  ResponseScrubTest& response(unsigned status, const Fields& fields, std::string_view reason = "OK") {
    head_.clear();
    head_.status = status;
    texts_.clear();
    head_.reason = texts_.emplace_back(reason);
    for (const auto& field : fields) head_.fields.push_back({field.name, texts_.emplace_back(field.value)});
    body_ = scrub_.on_response(head_);
    return *this;
  }
  ResponseScrubTest& coded(std::string_view coding, const Fields& more = {}) {
    Fields fields = {{"Content-Encoding", coding}};
    fields.insert(fields.end(), more.begin(), more.end());
    return response(200, fields);
  }
  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> all;
    for (const auto& [name, value] : head_.fields)
      all.push_back(std::string(name) + ": " + std::string(value));
    return all;
  }
  /// What becomes of the body, or "refused: CODE".
  std::string pass(std::string_view body, std::size_t piece_size = 7) {
    std::string passed;
    const auto take = [&](std::optional<proxy::Refusal> refusal, proxy::WipingBuffer& out) {
      passed += proxy::view(out);
      out.clear();
      if (refusal) passed = "refused: " + refusal->code;
      return !refusal;
    };
    proxy::WipingBuffer out;
    for (std::size_t at = 0; at < body.size(); at += piece_size) {
      if (!take(body_->feed(body.substr(at, piece_size), out), out)) return passed;
      while (body_->has_more()) {
        if (!take(body_->feed({}, out), out)) return passed;
      }
    }
    take(body_->finish(out), out);
    return passed;
  }

  proxy::ResponseHead head_;
  std::unique_ptr<proxy::BodyTransform> body_;
  std::deque<std::string> texts_;
  SentSecrets sent_;
  ResponseScrub scrub_{sent_, origin()};
};

// --- the head ---

TEST_F(ResponseScrubTest, EveryFieldIsScrubbedButCookies) {
  response(200, {{"X-Token", secret},
                 {"Location", "https://h/?key=" + secret + "&a=b"},
                 {"x-token", "a " + secret},
                 {"Set-Cookie", "session=" + secret},
                 {"SET-COOKIE", secret},
                 {"Date", "today"}});
  EXPECT_THAT(lines(), ElementsAre("X-Token: " + stand_in, "Location: https://h/?key=" + stand_in + "&a=b",
                                   "x-token: a " + stand_in, "Set-Cookie: session=" + secret,
                                   "SET-COOKIE: " + secret, "Date: today"));
}

TEST_F(ResponseScrubTest, ReasonIsScrubbed) {
  response(403, {}, "No " + secret);
  EXPECT_EQ(head_.reason, "No " + stand_in);
}

TEST_F(ResponseScrubTest, InterimResponseIsScrubbedAndHasNoBody) {
  response(103, {{"Link", secret}}, secret);
  EXPECT_THAT(lines(), ElementsAre("Link: " + stand_in));
  EXPECT_EQ(head_.reason, stand_in);
  EXPECT_EQ(body_, nullptr);
}

TEST_F(ResponseScrubTest, TrailerIsScrubbed) {
  EXPECT_EQ(text_of(scrub_.on_trailer({"X-Checked", "for " + secret}).value()), "for " + stand_in);
  EXPECT_FALSE(scrub_.on_trailer({"X-Checked", "for nobody"}));
}

// --- the body ---

TEST_F(ResponseScrubTest, BodyIsScrubbedWhereverItIsCut) {
  for (std::size_t size = 1; size <= secret_body.size(); ++size)
    EXPECT_EQ(response(200, {}).pass(secret_body, size), stand_in_body) << size;
}

TEST_F(ResponseScrubTest, PlainBodyKeepsWhatIsSaidOfIt) {
  response(200, {{"Content-Type", "text/plain"}, {"Content-Digest", "d"}, {"Accept-Ranges", "bytes"}});
  EXPECT_THAT(lines(), ElementsAre("Content-Type: text/plain", "Content-Digest: d", "Accept-Ranges: bytes"));
}

TEST_F(ResponseScrubTest, EveryCodingThatIsKnownIsUndone) {
  const std::pair<const char*, Format> codings[] = {
      {"gzip", Format::gzip},           {"X-GZIP", Format::gzip}, {"deflate", Format::zlib},
      {"deflate", Format::raw_deflate}, {"br", Format::br},       {"zstd", Format::zstd}};
  for (const auto& [name, format] : codings) {
    coded(name);
    EXPECT_EQ(pass(encoded(format, {secret_body})), stand_in_body) << name;
    EXPECT_THAT(lines(), IsEmpty());
  }
}

TEST_F(ResponseScrubTest, CodingsOneOnTheOtherAreUndoneInOneFieldOrInSeveral) {
  const std::string twice = encoded(Format::br, {encoded(Format::gzip, {secret_body})});
  EXPECT_EQ(coded("gzip, br").pass(twice), stand_in_body);
  EXPECT_EQ(
      response(200, {{"Content-Encoding", "gzip"}, {"Vary", "*"}, {"content-encoding", "br"}}).pass(twice),
      stand_in_body);
  EXPECT_THAT(lines(), ElementsAre("Vary: *"));
}

TEST_F(ResponseScrubTest, DecodedBodyLosesWhatWasSaidOfTheCodedOne) {
  coded("gzip", {{"Digest", "d"},
                 {"Content-Digest", "d"},
                 {"Repr-Digest", "d"},
                 {"content-md5", "d"},
                 {"Accept-Ranges", "bytes"},
                 {"Content-Type", "text/plain"},
                 {"Vary", "Accept-Encoding"}});
  EXPECT_THAT(lines(), ElementsAre("Content-Type: text/plain", "Vary: Accept-Encoding"));
}

TEST_F(ResponseScrubTest, IdentityIsNoCoding) {
  EXPECT_EQ(coded("identity").pass(secret_body), stand_in_body);
  EXPECT_EQ(coded("").pass(secret_body), stand_in_body);
}

TEST_F(ResponseScrubTest, WhatAnOriginFlushedIsThereAtOnce) {
  coded("gzip");
  proxy::WipingBuffer out;
  const std::string event = "data: " + secret + "\n\n";
  EXPECT_FALSE(body_->feed(proxy::flushed(Format::gzip, {event}), out));
  EXPECT_EQ(text_of(out), "data: " + stand_in + "\n\n");
}

TEST_F(ResponseScrubTest, SecretSentWhileTheBodyComesIsReplacedInWhatFollows) {
  const std::string later = "later-secret/+=", later_stand_in = "standin_later";
  const std::string body = "<" + later + "><" + secret + ">", expected = "<standin_later><" + stand_in + ">";
  for (std::size_t cut = 0; cut < body.size(); ++cut) {
    SentSecrets sent;
    proxy::ResponseHead head;
    head.status = 200;
    const auto scrubbing = ResponseScrub(sent, origin()).on_response(head);
    proxy::WipingBuffer out;
    EXPECT_FALSE(scrubbing->feed("before " + secret + ", ghp_01234", out));
    note(sent, 0, secret, stand_in);
    EXPECT_FALSE(scrubbing->feed("ghp_0123", out));  // is held while more is to be looked for
    note(sent, 1, later, later_stand_in);
    EXPECT_FALSE(scrubbing->feed(body.substr(0, cut), out));
    EXPECT_FALSE(scrubbing->feed(body.substr(cut), out));
    EXPECT_FALSE(scrubbing->finish(out));
    EXPECT_EQ(text_of(out), "before " + secret + ", ghp_01234ghp_0123" + expected) << cut;
  }
}

TEST_F(ResponseScrubTest, DamagedBodyIsRefused) {
  const std::string body = encoded(Format::gzip, {std::string(5000, 'x')});
  EXPECT_EQ(coded("gzip").pass("no gzip at all"), "refused: upstream_protocol");
  EXPECT_EQ(coded("gzip").pass(std::string_view(body).substr(0, body.size() - 3)),
            "refused: upstream_protocol");
}

TEST_F(ResponseScrubTest, CodingThatIsNotReadIsRefused) {
  for (const char* coding : {"compress", "dcb", "aes128gcm", "gzip, other", "gzip,gzip,gzip,gzip"}) {
    EXPECT_EQ(coded(coding).pass(secret_body), "refused: response_unreadable") << coding;
    EXPECT_TRUE(coded(coding).body_->has_more()) << "asked before the head goes";
    EXPECT_EQ(coded(coding).pass(""), "refused: response_unreadable") << coding;
  }
  proxy::WipingBuffer out;
  const auto refusal = body_->feed("x", out);
  EXPECT_EQ(refusal.value().status, 502U);
  EXPECT_TRUE(out.empty());
}

TEST_F(ResponseScrubTest, HeadOfAnUnreadableBodyStillSaysSo) {
  // To HEAD and in a 304 there is no body that could be refused.
  coded("dcb", {{"Content-Digest", "d"}});
  EXPECT_THAT(lines(), ElementsAre("Content-Encoding: dcb", "Content-Digest: d"));
}

TEST_F(ResponseScrubTest, HeadAloneSaysWhatItWouldWithABody) {
  response(304, {{"Content-Encoding", "br"}, {"ETag", "\"1\""}, {"X-Token", secret}});
  EXPECT_THAT(lines(), ElementsAre("ETag: \"1\"", "X-Token: " + stand_in));
}

// --- the request ---

std::vector<std::string> narrowed(const Fields& fields) {
  proxy::RequestHead head;
  head.fields = fields;
  narrow_codings(head);
  std::vector<std::string> values;
  for (const auto& field : head.fields) values.emplace_back(field.value);
  return values;
}

TEST(NarrowCodings, OnlyWhatIsReadIsAskedFor) {
  EXPECT_THAT(narrowed({{"Accept-Encoding", "dcb, gzip;q=0.5, br"}, {"Accept", "dcb"}}),
              ElementsAre("gzip;q=0.5, br", "dcb"));
  EXPECT_THAT(narrowed({{"accept-encoding", "compress"}, {"ACCEPT-ENCODING", "*"}}),
              ElementsAre("identity", "gzip, deflate, br, zstd"));
}

TEST(NarrowCodings, PartIsAskedForAsItIs) {
  EXPECT_THAT(narrowed({{"Accept-Encoding", "gzip"}, {"range", "bytes=5-"}, {"Accept-Encoding", "br"}}),
              ElementsAre("bytes=5-", "identity"));
  EXPECT_THAT(narrowed({{"Range", "bytes=5-"}}), ElementsAre("bytes=5-", "identity")) << "one is added";
}

TEST(NarrowCodings, WhatNeedsNoChangeStaysToTheByte) {
  EXPECT_THAT(narrowed({{"Accept-Encoding", "gzip, br"}}), ElementsAre("gzip, br"));
  EXPECT_THAT(narrowed({{"Accept", "*/*"}}), ElementsAre("*/*")) << "none is added";
}

}  // namespace
}  // namespace standin::broker
