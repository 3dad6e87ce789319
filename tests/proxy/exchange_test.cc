// Requests and responses through the boundary, as HTTP frames them.
#include <atomic>
#include <thread>

#include "tests/proxy/test_boundary.h"

namespace standin::proxy::test {
namespace {

using standin::test::Continue;
using standin::test::Fields;
using standin::test::find_field;
using standin::test::pattern_sha256;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

struct ExchangeTest : BoundaryTest {};

TEST_F(ExchangeTest, RequestBodiesArrive) {
  Session client(*this);
  EXPECT_EQ(client.post("/", "hello").status, 200U);
  EXPECT_EQ(origin.last().body.bytes, "hello");
  client.send(head("POST /", "Content-Length: 0\r\n"));
  EXPECT_EQ(client.read_response().status, 200U);
  EXPECT_EQ(origin.last().field("content-length"), "0");
  client.send(head("POST /"));
  EXPECT_EQ(client.read_response().status, 200U);
  client.send(head("POST /", "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n") +
              "5;ext=1\r\nhello\r\n06\r\n world\r\n0\r\nX-Sum: 11\r\nHost: evil\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 200U);
  EXPECT_EQ(origin.last().body.bytes, "hello world");
  EXPECT_THAT(origin.last().body.trailers, ElementsAre(Pair("X-Sum", "11")));
  EXPECT_EQ(origin.last().field("trailer"), "X-Sum");
  client.send(head("POST /", "Transfer-Encoding: chunked\r\n") + "0\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 200U);
  EXPECT_EQ(origin.connections(), 1U);
  EXPECT_EQ(interceptor.wait_for_outcomes(5)[3].request_bytes, 11U);
}

TEST_F(ExchangeTest, RequestsAreTheSameHoweverTheyAreCut) {
  const std::string request = head("POST /cut?a=b", "Authorization: Bearer " + std::string(stand_in) +
                                                        "\r\nTransfer-Encoding: chunked\r\n") +
                              "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-Sum: 11\r\n\r\n";
  Session client(*this);
  client.send(request);
  EXPECT_EQ(client.read_response().status, 200U);
  const Received whole = origin.last();
  EXPECT_EQ(whole.field("authorization"), "Bearer " + std::string(secret));
  for (std::size_t cut = 1; cut < request.size(); ++cut) {
    client.send_cut(request, cut);
    ASSERT_EQ(client.read_response().status, 200U) << cut;
    const Received got = origin.last();
    ASSERT_EQ(got.head.raw, whole.head.raw) << cut;
    ASSERT_EQ(got.body.bytes, whole.body.bytes) << cut;
    ASSERT_EQ(got.body.trailers, whole.body.trailers) << cut;
  }
  EXPECT_EQ(origin.requests().size(), request.size());
  EXPECT_EQ(origin.connections(), 1U);
}

TEST_F(ExchangeTest, ResponseBodiesArrive) {
  origin.on("/length", [](const Received&) {
    return Reply::body(200, "hello", {{"X-Odd", "1"}, {"x-odd", "2"}});
  });
  origin.on("/empty", [](const Received&) { return Reply::body(200, ""); });
  origin.on("/chunked", [](const Received&) { return Reply::chunked({"one", "two"}, {{"X-Sum", "6"}}); });
  origin.on("/drip", [](const Received&) { return Reply::chunked({"one", "two"}, {{"X-Sum", "6"}}).drip(); });
  origin.on("/204", [](const Received&) { return Reply::no_body(204); });
  origin.on("/304", [](const Received&) {
    return Reply::no_body(304, {{"Content-Length", "5"}, {"ETag", "\"x\""}});
  });
  origin.on("/gzip", [](const Received&) {
    return Reply::body(200, "\x1f\x8b..", {{"Content-Encoding", "gzip"}});
  });
  Session client(*this);
  const Response length = client.get("/length");
  EXPECT_EQ(length.body.bytes, "hello");
  EXPECT_THAT(length.head.fields,
              ElementsAre(Pair("X-Odd", "1"), Pair("x-odd", "2"), Pair("Content-Length", "5")));
  EXPECT_EQ(client.get("/empty").body.bytes, "");
  for (const char* target : {"/chunked", "/drip"}) {
    const Response chunked = client.get(target);
    EXPECT_EQ(chunked.body.bytes, "onetwo");
    EXPECT_THAT(chunked.body.trailers, ElementsAre(Pair("X-Sum", "6")));
  }
  EXPECT_EQ(client.get("/204").status, 204U);
  EXPECT_EQ(client.get("/304").field("content-length"), "5");
  EXPECT_EQ(client.get("/gzip").body.bytes, "\x1f\x8b..");
  EXPECT_EQ(origin.connections(), 1U);
}

TEST_F(ExchangeTest, HeadHasTheFieldsOfGetAndNoBody) {
  origin.on("/length", [](const Received&) { return Reply::body(200, "hello"); });
  origin.on("/chunked", [](const Received&) { return Reply::chunked({"x"}); });
  Session client(*this);
  EXPECT_EQ(client.request("HEAD", "/length", authority()).field("content-length"), "5");
  EXPECT_EQ(client.request("HEAD", "/chunked", authority()).field("transfer-encoding"), "chunked");
  EXPECT_EQ(client.get("/length").body.bytes, "hello");
  EXPECT_EQ(origin.connections(), 1U);
}

TEST_F(ExchangeTest, BodyWaitsForTheOriginsContinue) {
  const Gate asked;
  origin.on_head("/slow", [=](const Received&) {
    return Reply::converse([=](Conversation& with) {
      asked.wait(with.stop);
      with.stream.write("HTTP/1.1 100 Continue\r\n\r\n");
      EXPECT_EQ(with.stream.read_exactly(5), "hello");
      with.stream.write("HTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n");
    });
  });
  Session client(*this);
  client.send(head("POST /slow", "Content-Length: 5\r\nExpect: 100-continue\r\n"));
  Gate(asked).open();
  EXPECT_EQ(client.read_head().second, "100");
  client.send("hello");
  EXPECT_EQ(client.read_response().status, 201U);
}

TEST_F(ExchangeTest, FinalStatusInsteadOfContinueLeavesTheBodyUnsent) {
  origin.on_head("/no", [](const Received&) { return Reply::body(417, "no").close_after(); });
  Session client(*this);
  client.send(head("POST /no", "Content-Length: 5\r\nExpect: 100-continue\r\n"));
  const Response response = client.read_response();
  EXPECT_EQ(response.status, 417U);
  EXPECT_THAT(response.informational, IsEmpty());
  EXPECT_EQ(response.field("connection"), "close");
  EXPECT_TRUE(client.at_end());
}

TEST_F(ExchangeTest, RefusalInsteadOfContinueComesAtOnce) {
  interceptor.refuse_request = [](const RequestHead&) { return Refusal{403, "wrong_origin", "no", ""}; };
  Session client(*this);
  client.send(head("POST /", "Content-Length: 5\r\nExpect: 100-continue\r\n"));
  EXPECT_EQ(client.read_response().status, 403U);
  Session chunks(*this);  // one that would wait for an answer before it goes on
  chunks.send(head("POST /", "Transfer-Encoding: chunked\r\n") + "1\r\na\r\n");
  EXPECT_EQ(chunks.read_response().status, 403U);
}

TEST_F(ExchangeTest, ShortBodyOfARefusedRequestIsReadAndForgotten) {
  interceptor.refuse_request = [](const RequestHead& h) -> std::optional<Refusal> {
    return h.target == "/no" ? std::optional(Refusal{403, "wrong_origin", "no", ""}) : std::nullopt;
  };
  Session client(*this);
  client.send(head("POST /no", "Content-Length: 5\r\n") + "he");
  client.send("llo" + head("POST /no", "Transfer-Encoding: chunked\r\n") + "1\r\na\r\n0\r\n\r\n" +
              head("GET /"));
  EXPECT_EQ(client.read_response().status, 403U);
  EXPECT_EQ(client.read_response().status, 403U);
  EXPECT_EQ(client.read_response().status, 200U);
}

TEST_F(ExchangeTest, LongBodyOfARefusedRequestDoesNotTakeTheAnswerAway) {
  interceptor.refuse_request = [](const RequestHead&) { return Refusal{403, "wrong_origin", "no", ""}; };
  Session client(*this);
  client.send(head("POST /no", "Content-Length: 8000000\r\n"));
  client.send_pattern(8000000);  // and reads only then, as Python's http.client does
  const Response response = client.read_response();
  EXPECT_EQ(response.status, 403U);
  EXPECT_EQ(response.field("connection"), "close");
}

TEST_F(ExchangeTest, InformationalResponsesComeAsTheyComeAndTheirBodiesNever) {
  const Gate seen;
  origin.on("/hints", [=](const Received&) {
    return Reply::body(200, "x")
        .informational(103, {{"Link", "</a>"}, {"Content-Length", "3"}})
        .wait_before(seen);
  });
  Session client(*this);
  client.send(head("GET /hints"));
  const auto hints = client.read_head();
  EXPECT_EQ(hints.second, "103");
  EXPECT_THAT(hints.fields, ElementsAre(Pair("Link", "</a>")));
  Gate(seen).open();
  EXPECT_EQ(client.read_response().status, 200U);
  client.send("GET /hints HTTP/1.0\r\n\r\n");  // which knows no 1xx
  EXPECT_EQ(client.read_head().second, "200");
}

TEST_F(ExchangeTest, EndlessInformationalResponsesEnd) {
  origin.on("/", [](const Received&) {
    return Reply::converse([](Conversation& with) {
      try {
        while (!with.stop.stop_requested()) with.stream.write("HTTP/1.1 102 Processing\r\n\r\n");
      } catch (const StreamError&) {  // as it should
      }
    });
  });
  Session client(*this);
  client.send(head("GET /"));
  EXPECT_EQ(error_code(client.read_response()), "upstream_protocol");
}

TEST_F(ExchangeTest, EarlyAnswerIsReadThoughTheClientGoesOnSending) {
  origin.on_head("/big", [](const Received&) { return Reply::body(413, "too large").close_after(); });
  Session client(*this);
  client.send(head("POST /big", "Content-Length: 50000000\r\n"));
  client.send_pattern(8000000);
  const Response response = client.read_response();
  EXPECT_EQ(response.status, 413U);
  EXPECT_EQ(response.body.bytes, "too large");
  EXPECT_EQ(response.field("connection"), "close");
  EXPECT_EQ(interceptor.wait_for_outcomes(1)[0].status, 413U);
}

TEST_F(ExchangeTest, ResponseUntilCloseEndsAsItsOriginDid) {
  origin.on("/whole", [](const Received&) { return Reply::until_close({"hello"}); });
  origin.on("/cut", [](const Received&) { return Reply::until_close({"hello"}).cut_at(60); });
  {
    Session client(*this);
    const Response response = client.get("/whole");
    EXPECT_EQ(response.body.bytes, "hello");
    EXPECT_EQ(response.field("connection"), "close");
    EXPECT_FALSE(client.stream().tls_truncated());
  }
  Session client(*this);
  client.send(head("GET /cut"));
  EXPECT_THAT(client.read_to_end(), HasSubstr("200 OK"));
  EXPECT_TRUE(client.stream().tls_truncated());
  EXPECT_EQ(interceptor.wait_for_outcomes(2)[1].reason, "upstream_cut");
}

TEST_F(ExchangeTest, CutResponseToAPlainClientIsAReset) {
  origin.on("/cut",
            [](const Received&) { return Reply::until_close({std::string(100000, 'x')}).cut_at(50000); });
  origin.on("/chunks",
            [](const Received&) { return Reply::chunked({std::string(100000, 'x')}).cut_at(50000); });
  for (const char* request : {"GET https://HOST/cut HTTP/1.1\r\n", "GET https://HOST/chunks HTTP/1.0\r\n"}) {
    std::string text = request;
    text.replace(text.find("HOST"), 4, authority());
    Outside client(*this);
    client.send(text + "Host: " + authority() + "\r\nProxy-Authorization: " + authorization() + "\r\n\r\n");
    EXPECT_THROW((void)client.read_to_end(), StreamError) << request;  // not the end of a whole body
  }
}

TEST_F(ExchangeTest, CutResponseWithALengthIsCutShort) {
  origin.on("/length",
            [](const Received&) { return Reply::body(200, std::string(100000, 'x')).cut_at(50000); });
  origin.on("/chunks", [](const Received&) { return Reply::chunked({"one", "two"}).cut_at(60); });
  origin.on("/reset",
            [](const Received&) { return Reply::body(200, std::string(100000, 'x')).reset_at(50000); });
  for (const char* target : {"/length", "/chunks", "/reset"}) {
    Session client(*this);
    client.send(head(std::string("GET ") + target));
    EXPECT_THROW((void)client.read_response(), StreamError) << target;
    EXPECT_TRUE(client.stream().tls_truncated()) << target;
  }
  for (const auto& outcome : interceptor.wait_for_outcomes(3)) {
    EXPECT_EQ(outcome.reason, "upstream_cut");
    EXPECT_EQ(outcome.status, 200U);
  }
}

TEST_F(ExchangeTest, LongWholeBodyEndsInOrderForASlowReader) {
  constexpr std::uint64_t size = 8 << 20;
  origin.on("/", [](const Received&) { return Reply::until_close({std::string(size, 'x')}); });
  Session client(*this);
  client.send(head("GET /"));
  interceptor.wait_for_outcomes(0);
  std::uint64_t read = 0;
  (void)client.read_head();
  std::this_thread::yield();
  for (std::string piece = client.read_some(); !piece.empty(); piece = client.read_some())
    read += piece.size();
  EXPECT_EQ(read, size);
  EXPECT_FALSE(client.stream().tls_truncated());
}

TEST_F(ExchangeTest, OldClientGetsChunksUndoneUntilTheEnd) {
  origin.on("/", [](const Received&) { return Reply::chunked({"one", "two"}, {{"X-Sum", "6"}}); });
  Session client(*this);
  client.send("GET / HTTP/1.0\r\nHost: " + authority() + "\r\nConnection: keep-alive\r\n\r\n");
  const std::string all = client.read_to_end();
  EXPECT_THAT(all,
              AllOf(EndsWith("\r\n\r\nonetwo"), HasSubstr("Connection: close"), Not(HasSubstr("chunked"))));
  Session kept(*this);
  origin.on("/length", [](const Received&) { return Reply::body(200, "x"); });
  kept.send("GET /length HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(kept.read_response().field("connection"), "keep-alive");
  kept.send("GET /length HTTP/1.0\r\n\r\n");
  EXPECT_EQ(kept.read_response().status, 200U);
  EXPECT_TRUE(kept.at_end());
}

TEST_F(ExchangeTest, PipelinedRequestsAreAnsweredInOrder) {
  origin.on_any([](const Received& r) { return Reply::body(200, r.target() + r.body.bytes); });
  Session client(*this);
  client.send(head("POST /1", "Content-Length: 3\r\n") + "abc" + "\r\n\r\n" + head("GET /2") +
              head("POST /3", "Transfer-Encoding: chunked\r\n") + "1\r\nx\r\n0\r\n\r\n" + head("GET /4"));
  for (const char* body : {"/1abc", "/2", "/3x", "/4"}) EXPECT_EQ(client.read_response().body.bytes, body);
}

TEST_F(ExchangeTest, EventsLeaveAsTheyCome) {
  std::vector<Gate> seen(5);
  origin.on("/", [=](const Received&) {
    Reply::Pieces pieces;
    for (std::size_t i = 0; i < seen.size(); ++i) {
      pieces.emplace_back("data: " + std::to_string(i) + "\n\n");
      pieces.emplace_back(seen[i]);
    }
    return Reply::events(pieces);
  });
  Session client(*this);
  client.send(head("GET /"));
  EXPECT_EQ(client.read_head().second, "200");
  for (std::size_t i = 0; i < seen.size(); ++i) {  // the next is sent only once this one is here
    EXPECT_THAT(client.read_until("\n\n\r\n"), HasSubstr("data: " + std::to_string(i)));
    seen[i].open();
  }
  EXPECT_EQ(client.read_until("\r\n\r\n"), "0\r\n\r\n");
}

TEST_F(ExchangeTest, HeadOfAnEmptyStreamLeavesBeforeItsFirstEvent) {
  const Gate head_seen;
  origin.on("/", [=](const Received&) { return Reply::events({head_seen, "data\n\n"}); });
  Session client(*this);
  client.send(head("GET /"));
  EXPECT_EQ(client.read_head().second, "200");
  Gate(head_seen).open();
  EXPECT_THAT(client.read_until("0\r\n\r\n"), HasSubstr("data"));
}

TEST_F(ExchangeTest, RequestStreamsWhileItsResponseDoes) {
  origin.on_head("/echo", [](const Received&) {
    return Reply::converse([](Conversation& with) {
      with.stream.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      for (int i = 0; i < 3; ++i) {
        const std::string size = with.stream.read_until("\r\n");
        with.stream.write(size + with.stream.read_until("\r\n"));
      }
      EXPECT_EQ(with.stream.read_until("\r\n\r\n"), "0\r\n\r\n");
      with.stream.write("0\r\n\r\n");
    });
  });
  Session client(*this);
  client.send(head("POST /echo", "Transfer-Encoding: chunked\r\n"));
  EXPECT_EQ(client.read_head().second, "200");
  for (const char* piece : {"1\r\na\r\n", "2\r\nbc\r\n", "3\r\ndef\r\n"}) {
    client.send(piece);
    EXPECT_EQ(client.read_exactly(std::string_view(piece).size()), piece);
  }
  client.send("0\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "0\r\n\r\n");
}

TEST_F(ExchangeTest, HopByHopFieldsStayOnTheirSide) {
  origin.on_any([](const Received&) {
    return Reply::body(200, "x",
                       {{"Connection", "X-Mine"},
                        {"X-Mine", "1"},
                        {"Keep-Alive", "timeout=5"},
                        {"Proxy-Authenticate", "Basic"},
                        {"X-Theirs", "2"}});
  });
  Session client(*this);
  const Response response = client.get("/", {{"Connection", "keep-alive, X-Hop, Content-Length, Host"},
                                             {"X-Hop", "1"},
                                             {"Keep-Alive", "5"},
                                             {"Proxy-Connection", "close"},
                                             {"TE", "trailers"},
                                             {"Proxy-Authorization", "Basic x"},
                                             {"X-End", "2"}});
  EXPECT_THAT(origin.last().head.fields, ElementsAre(Pair("Host", authority()), Pair("TE", "trailers"),
                                                     Pair("X-End", "2"), Pair("Connection", "TE")));
  EXPECT_EQ(response.field("x-mine"), std::nullopt);
  EXPECT_EQ(response.field("keep-alive"), std::nullopt);
  EXPECT_EQ(response.field("proxy-authenticate"), std::nullopt);
  EXPECT_EQ(response.field("x-theirs"), "2");
}

TEST_F(ExchangeTest, WhatCannotBePutOnRecordNeverReachesTheOrigin) {
  std::atomic<bool> can_record = true;
  std::atomic<int> commits = 0;
  interceptor.commit = [&]() -> std::optional<Refusal> {
    ++commits;
    if (can_record) return std::nullopt;
    return Refusal{503, "audit_unavailable", "no record", ""};
  };
  Session client(*this);
  EXPECT_EQ(client.get("/recorded").status, 200U);
  can_record = false;
  const Response refused = client.post("/unrecorded", "a body");
  EXPECT_EQ(refused.status, 503U);
  EXPECT_EQ(error_code(refused), "audit_unavailable");
  EXPECT_EQ(interceptor.wait_for_outcomes(2)[1].reason, "audit_unavailable");
  EXPECT_THAT(interceptor.refused(), IsEmpty()) << "whoever refused has recorded it";
  can_record = true;
  EXPECT_EQ(client.get("/again").status, 200U) << "on the same connection";
  EXPECT_EQ(origin.requests().size(), 2U);
  EXPECT_EQ(commits, 3);
}

TEST_F(ExchangeTest, TurnEndsAfterEachExchangeThoughNothingElseHappens) {
  Session client(*this);
  for (std::size_t n = 1; n <= 3; ++n) {
    client.get("/");
    EXPECT_EQ(interceptor.wait_for_turn_end_after(n), n);
  }
}

TEST_F(ExchangeTest, OrphanOfAClosingClientIsNotReset) {
  // An old client sends a line end behind its body: unread, it would make close() a reset.
  origin.on("/", [](const Received&) { return Reply::body(200, std::string(300000, 'x')); });
  Session client(*this);
  client.send(head("POST /", "Connection: close\r\nContent-Length: 1\r\n") + "a\r\n");
  EXPECT_EQ(client.read_response().body.size, 300000U);
  EXPECT_TRUE(client.at_end());
}

}  // namespace
}  // namespace standin::proxy::test
