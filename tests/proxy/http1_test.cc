#include "proxy/http1.h"

#include <algorithm>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace standin::proxy {
namespace {

using ::testing::ElementsAre;

std::string request_fault(const std::string& fields, const std::string& line = "POST / HTTP/1.1") {
  RequestParser parser;
  const std::string head = line + "\r\nHost: a\r\n" + fields + "\r\n";
  const auto fault = parser.parse_head(head);
  return std::string(fault.empty() ? parser.check_framing() : fault);
}

std::string response_fault(const std::string& fields, const std::string& line = "HTTP/1.1 200 OK") {
  ResponseParser parser;
  const std::string head = line + "\r\n" + fields + "\r\n";
  const auto fault = parser.parse_head(head);
  return std::string(fault.empty() ? parser.check_framing() : fault);
}

/// A body as it goes on: what became of it, and whether it was taken for whole.
struct Relayed {
  std::string bytes;
  std::uint64_t payload = 0;
  enum class End : std::uint8_t { done, more, malformed } end = End::more;
  std::size_t left = 0;  // bytes behind it
  bool operator==(const Relayed&) const = default;
};

/// Feeds a chunked request's body in these pieces, as exchange.cc does: what was not consumed comes again.
Relayed relay(const std::vector<std::string>& pieces, Framing out = Framing::chunked) {
  auto parser = std::make_unique<RequestParser>();
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(parser->parse_head(head), "");
  Relayed result;
  BodyPieces body(out);
  std::string inbox;
  for (const std::string& piece : pieces) {
    inbox += piece;
    body.clear();
    // A copy of its own size: a read past its end is seen by the sanitizer.
    const std::vector<char> exact(inbox.begin(), inbox.end());
    const auto consumed = parser->is_done() ? 0 : parser->parse_body({exact.data(), exact.size()}, body);
    if (!consumed) {
      result.end = Relayed::End::malformed;
      return {"", 0, Relayed::End::malformed, 0};
    }
    result.bytes += body.bytes();
    inbox.erase(0, *consumed);
  }
  result.payload = body.payload();
  if (parser->is_done()) {
    result.end = Relayed::End::done;
    result.left = inbox.size();
  }
  return result;
}

/// Without the sizes of chunks, which follow the reads.
Relayed relay_all_ways(const std::string& bytes) {
  const Relayed whole = relay({bytes}, Framing::until_close);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut)
    EXPECT_EQ(relay({bytes.substr(0, cut), bytes.substr(cut)}, Framing::until_close), whole) << "cut " << cut;
  std::vector<std::string> single;
  for (const char byte : bytes) single.emplace_back(1, byte);
  EXPECT_EQ(relay(single, Framing::until_close), whole) << "byte by byte";
  return whole;
}

Relayed::End fate(const std::string& bytes) { return relay_all_ways(bytes).end; }

TEST(Http1, OneClearLengthPasses) {
  EXPECT_EQ(request_fault(""), "");
  EXPECT_EQ(request_fault("Content-Length: 5\r\n"), "");
  EXPECT_EQ(request_fault("Content-Length: 0\r\n"), "");
  EXPECT_EQ(request_fault("content-length:5 \t\r\n"), "");
  EXPECT_EQ(request_fault("Transfer-Encoding: chunked\r\n"), "");
  EXPECT_EQ(request_fault("transfer-encoding: Chunked\r\n"), "");
}

TEST(Http1, UnclearLengthsAreRefused) {
  for (const char* fields : {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                             "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                             "Content-Length: 5\r\nContent-Length: 6\r\n",
                             "Content-Length: 5\r\nContent-Length: 5\r\n",
                             "Content-Length: 5, 5\r\n",
                             "Content-Length: 5,\r\n",
                             "Content-Length: +5\r\n",
                             "Content-Length: -5\r\n",
                             "Content-Length: 5 5\r\n",
                             "Content-Length: 0x5\r\n",
                             "Content-Length: 5a\r\n",
                             "Content-Length:\r\n",
                             "Content-Length: \xb2\r\n",
                             "Content-Length: 18446744073709551616\r\n",
                             "Content-Length: 99999999999999999999999\r\n",
                             "Transfer-Encoding: gzip\r\n",
                             "Transfer-Encoding: gzip, chunked\r\n",
                             "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                             "Transfer-Encoding: chunked, chunked\r\n",
                             "Transfer-Encoding: chunked, gzip\r\n",
                             "Transfer-Encoding: xchunked\r\n",
                             "Transfer-Encoding: chunked;q=1\r\n",
                             "Transfer-Encoding: \"chunked\"\r\n",
                             "Transfer-Encoding:\r\n",
                             "Transfer-Encoding: identity\r\n",
                             "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
                             "Transfer-Encoding: ,chunked\r\n",
                             "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n"}) {
    EXPECT_NE(request_fault(fields), "") << fields;
    EXPECT_NE(response_fault(fields), "") << fields;
  }
  EXPECT_EQ(request_fault("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.0"),
            "a transfer-encoding in HTTP/1.0");
  EXPECT_EQ(response_fault("Transfer-Encoding: chunked\r\n", "HTTP/1.0 200 OK"),
            "a transfer-encoding in HTTP/1.0");
}

TEST(Http1, WhiteSpaceAroundACodingIsNoPartOfIt) {
  EXPECT_EQ(request_fault("Transfer-Encoding:  chunked \t\r\n"), "");
}

TEST(Http1, StartLinesOfOtherProtocolsAreRefused) {
  for (const char* line :
       {"GET / HTTP/2.0", "GET / HTTP/1.2", "GET / HTTP/0.9", "GET / http/1.1", "GET / HTTP/1.1 ", "GET /",
        "GET  / HTTP/1.1", "GET\t/ HTTP/1.1", " GET / HTTP/1.1", "G@T / HTTP/1.1", "GET / x HTTP/1.1",
        "GET / HTTP/11", "PRI * HTTP/2.0"}) {
    EXPECT_NE(request_fault("", line), "") << line;
  }
  for (const char* line : {"HTTP/2.0 200 OK", "http/1.1 200 OK", "HTTP/1.1 20 OK", "HTTP/1.1 2000 OK",
                           "HTTP/1.1  200 OK", "ICY 200 OK", "HTTP/1.1 -20 OK"}) {
    EXPECT_NE(response_fault("", line), "") << line;
  }
}

TEST(Http1, FieldsKeepOrderCaseAndRepetition) {
  RequestParser parser;
  const std::string head = "GET /a HTTP/1.1\r\nhOst: a\r\nX: 1\r\nx:\t2 \r\nX:\r\n\r\n";
  ASSERT_EQ(parser.parse_head(head), "");
  std::vector<std::string> seen;
  for (const Field& f : parser.fields) seen.push_back(std::string(f.name) + "=" + std::string(f.value));
  EXPECT_THAT(seen, ElementsAre("hOst=a", "X=1", "x=2", "X="));
}

TEST(Http1, ChunksAreFramedAnewHoweverTheyCome) {
  const Relayed result = relay_all_ways("4\r\nwiki\r\n05;a=b;c=\"d;\\\"e\"\r\npedia\r\n0\r\n\r\nGET");
  EXPECT_EQ(result, (Relayed{"wikipedia", 9, Relayed::End::done, 3}));
  EXPECT_EQ(relay({"4;x\r\nwiki\r\n0;y\r\nT: v\r\n\r\n"}).bytes, "4\r\nwiki\r\n0\r\nT: v\r\n\r\n");
  EXPECT_EQ(relay_all_ways("0\r\n\r\n").end, Relayed::End::done);
  EXPECT_EQ(relay_all_ways("00000\r\n\r\n").end, Relayed::End::done);
  EXPECT_EQ(relay_all_ways("1\r\nx\r\n0\r\n\r\n").bytes, "x");
  EXPECT_EQ(relay({"1\r\n0"}, Framing::until_close).bytes, "0");  // not a byte waits
}

TEST(Http1, EveryPrefixOfABodyWaitsForMore) {
  const std::string body = "4;a=b\r\nwiki\r\n0;c\r\nT: v\r\nU: w\r\n\r\n";
  for (std::size_t size = 0; size < body.size(); ++size)
    EXPECT_EQ(relay({body.substr(0, size)}).end, Relayed::End::more) << size;
}

TEST(Http1, OddChunksAreRefused) {
  for (const char* bytes : {"0x5\r\nhello\r\n0\r\n\r\n",
                            "-5\r\nhello\r\n0\r\n\r\n",
                            "+5\r\nhello\r\n0\r\n\r\n",
                            " 5\r\nhello\r\n0\r\n\r\n",
                            "5\nhello\r\n0\r\n\r\n",
                            "5\rhello\r\n0\r\n\r\n",
                            "5\r\nhello0\r\n\r\n\r\n",
                            "5\r\nhelloXX0\r\n\r\n",
                            "5\r\nhello\n0\r\n\r\n",
                            "\r\n5\r\nhello\r\n0\r\n\r\n",
                            "g\r\nhello\r\n0\r\n\r\n",
                            ";a\r\nhello\r\n0\r\n\r\n",
                            "5 x\r\nhello\r\n0\r\n\r\n",
                            "5;\r\nhello\r\n0\r\n\r\n",
                            "5;a b\r\nhello\r\n0\r\n\r\n",
                            "5;a=\r\nhello\r\n0\r\n\r\n",
                            "10000000000000000\r\nhello\r\n0\r\n\r\n",
                            "fffffffffffffffff5\r\nhello\r\n0\r\n\r\n",
                            "0\r\nT : v\r\n\r\n",
                            "0\r\nT: v\r\n folded\r\n\r\n",
                            "0\r\nT: v\rw\r\n\r\n",
                            "0\r\nT: v\nw\r\n\r\n",
                            "0\r\nno colon\r\n\r\n",
                            "0\r\n: v\r\n\r\n",
                            "0\r\nT: \x01\r\n\r\n",
                            "0\r\nT: \x7f\r\n\r\n"}) {
    EXPECT_EQ(fate(bytes), Relayed::End::malformed) << bytes;
  }
  EXPECT_EQ(fate(std::string("0\r\nT: a\0b\r\n\r\n", 13)), Relayed::End::malformed);
}

TEST(Http1, TrailersThatFrameTheMessageAreRefused) {
  EXPECT_EQ(fate("0\r\nContent-Length: 5\r\n\r\n"), Relayed::End::malformed);
  EXPECT_EQ(fate("0\r\nTransfer-Encoding: chunked\r\n\r\n"), Relayed::End::malformed);
}

TEST(Http1, TrailersThatNobodyJudgedAreLeftOut) {
  EXPECT_EQ(
      relay({"0\r\nHost: evil\r\nX-Sum: 1\r\nAuthorization: Bearer x\r\nConnection: close\r\ncookie: a\r\n"
             "Proxy-Authorization: y\r\nUpgrade: z\r\nx-sum: 2\r\n\r\n"})
          .bytes,
      "0\r\nX-Sum: 1\r\nx-sum: 2\r\n\r\n");
}

TEST(Http1, WhatIsWaitedForHasABound) {
  const std::string most(RequestParser::max_chunk_head, 'a');
  EXPECT_EQ(relay({"5;" + most}).end, Relayed::End::malformed);
  EXPECT_EQ(relay({"5;a=\"" + most}).end, Relayed::End::malformed);
  EXPECT_EQ(relay({most}).end, Relayed::End::malformed);
  EXPECT_EQ(relay({std::string(RequestParser::max_chunk_head, '0')}).end, Relayed::End::malformed);
  EXPECT_EQ(relay({"0\r\nT: " + most}).end, Relayed::End::malformed);
  EXPECT_EQ(relay({"10000\r\n" + most}).end, Relayed::End::more);
}

TEST(Http1, AMalformedBodyStaysMalformed) {
  RequestParser parser;
  const std::string head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  ASSERT_EQ(parser.parse_head(head), "");
  BodyPieces body(Framing::chunked);
  // The first chunk is taken before the second is seen to be none: the same bytes must not be read from the
  // middle when they are given again.
  const std::string bytes = "5\r\n0\r\n\r\n\r\nzz\r\n";
  EXPECT_FALSE(parser.parse_body(bytes, body));
  EXPECT_FALSE(parser.parse_body(bytes, body));
  EXPECT_FALSE(parser.is_done());
}

TEST(Http1, ConnectionNamesWhatIsHopByHop) {
  const std::vector<Field> fields = {{"Connection", "close, X-Mine ,content-length"},
                                     {"connection", "x-other, host, te"}};
  const HopByHop hop(fields);
  for (const char* name : {"Connection", "keep-alive", "Proxy-Connection", "PROXY-AUTHORIZATION", "upgrade",
                           "x-mine", "X-Other", "proxy-authenticate"})
    EXPECT_TRUE(hop.covers({name, ""})) << name;
  for (const char* name :
       {"Content-Length", "Host", "TE", "Transfer-Encoding", "Trailer", "X-Min", "Close", "Date"})
    EXPECT_FALSE(hop.covers({name, ""})) << name;
}

}  // namespace
}  // namespace standin::proxy
