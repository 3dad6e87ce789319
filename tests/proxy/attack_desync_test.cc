// Origins that lose their place in what they are sent, or say more than they were asked: no connection to one
// carries a request that the bytes before it could change.
#include "tests/proxy/test_boundary.h"

namespace standin::proxy::test {
namespace {

using ::testing::IsEmpty;

const std::string bearer = "Authorization: Bearer " + std::string(stand_in) + "\r\n";
/// Would make the head that follows it the value of a field.
const std::string swallow = "POST /publish HTTP/1.1\r\nX-Swallow: ";

struct DesyncTest : BoundaryTest {
  /// An origin that answers a request by its head and takes what follows as it comes, until the end: all that
  /// came behind the head.
  void never_read_bodies(const std::string& path) {
    origin.on_head(path, [this](const Received&) {
      return Reply::converse([this](Conversation& with) {
        with.stream.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        std::string all;
        for (std::string piece = with.stream.read_some(); !piece.empty(); piece = with.stream.read_some())
          all += piece;
        behind_the_head = all;
        ended.open();
      });
    });
  }
  std::string behind_the_head;
  Gate ended;
};

TEST_F(DesyncTest, BodyThatMeansNothingIsTheLastOfItsConnection) {  // "CL.0"
  for (const char* method : {"GET", "DELETE", "OPTIONS"}) {
    ended = Gate();
    never_read_bodies("/");
    Session client(*this);
    EXPECT_EQ(client.request(method, "/", authority(), {}, swallow).status, 200U);
    client.send(head("GET /next", bearer));
    EXPECT_EQ(client.read_response().status, 200U);
    ended.wait();
    EXPECT_EQ(behind_the_head, swallow) << method;
  }
}

TEST_F(DesyncTest, ChunkedBodyThatMeansNothingIsTheLastOfItsConnection) {  // "TE.0"
  never_read_bodies("/");
  Session client(*this);
  client.send(head("GET /", "Transfer-Encoding: chunked\r\n") + "5\r\nhello\r\n0\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 200U);
  client.send(head("GET /next", bearer));
  EXPECT_EQ(client.read_response().status, 200U);
  ended.wait();
  EXPECT_EQ(behind_the_head, "5\r\nhello\r\n0\r\n\r\n");
}

TEST_F(DesyncTest, AnswerBeforeTheBodyIsTheLastOfItsConnection) {
  never_read_bodies("/");
  Session client(*this);
  client.send(head("POST /", "Content-Length: 1000\r\n") + swallow);
  EXPECT_EQ(client.read_response().field("connection"), "close");
  Session other(*this);
  other.send(head("GET /next", bearer));
  EXPECT_EQ(other.read_response().status, 200U);
  ended.wait();
  EXPECT_EQ(behind_the_head, swallow);
}

TEST_F(DesyncTest, AnswerInsteadOfContinueIsTheLastOfItsConnection) {  // "0.CL"
  never_read_bodies("/");
  Session client(*this);
  client.send(head("POST /", "Content-Length: 1000\r\nExpect: 100-continue\r\n"));
  EXPECT_EQ(client.read_response().field("connection"), "close");
  Session other(*this);
  other.send(head("GET /next", bearer));
  EXPECT_EQ(other.read_response().status, 200U);
  ended.wait();
  EXPECT_THAT(behind_the_head, IsEmpty());
}

/// An origin that puts a second answer behind its first.
struct PoisonTest : BoundaryTest {
  static constexpr std::string_view first = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst";
  static constexpr std::string_view second = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond";
  Gate may_poison, poisoned;
};

TEST_F(PoisonTest, AnswerBehindAnAnswerIsNobodys) {
  origin.on("/two", [](const Received&) {
    return Reply::converse([](Conversation& with) {
      with.stream.write(std::string(first) + std::string(second));
      with.stream.drain();
    });
  });
  Session client(*this);
  EXPECT_EQ(client.get("/two").body.bytes, "first");
  EXPECT_EQ(client.get("/next").body.bytes, "ok");
}

TEST_F(PoisonTest, AnswerThatNobodyAskedForIsNobodys) {
  origin.on("/late", [this](const Received&) {
    return Reply::converse([this](Conversation& with) {
      with.stream.write(first);
      may_poison.wait(with.stop);
      with.stream.write(second);
      poisoned.open();
      with.stream.drain();
    });
  });
  Session client(*this);
  EXPECT_EQ(client.get("/late").body.bytes, "first");
  may_poison.open();
  poisoned.wait();
  EXPECT_EQ(client.get("/next").body.bytes, "ok");
}

TEST_F(PoisonTest, BodyOfAnAnswerWithoutOneIsNobodys) {
  origin.on_any([](const Received& received) {
    if (received.target() == "/next") return Reply::body(200, "ok");
    return Reply::converse([](Conversation& with) {
      with.stream.write("HTTP/1.1 " + with.request.target().substr(1) + " X\r\nContent-Length: " +
                        std::to_string(second.size()) + "\r\n\r\n" + std::string(second));
      with.stream.drain();
    });
  });
  Session client(*this);
  for (const unsigned status : {204U, 304U}) {
    EXPECT_EQ(client.get("/" + std::to_string(status)).status, status);
    EXPECT_EQ(client.get("/next").body.bytes, "ok");
  }
}

struct NameTest : BoundaryTest {};

/// The name in CONNECT counts: another in SNI gets no leaf, one in Host is told so.
TEST_F(NameTest, ServerNameIsNotWhatCounts) {
  Outside client(*this);
  ASSERT_EQ(client.connect(authority(), userinfo()).status, 200U);
  EXPECT_THROW(client.start_tls("evil.example", start().authority_pem()), StreamError);
  Session named(*this);
  named.send("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  EXPECT_EQ(named.read_response().status, 421U);
  EXPECT_THAT(origin.requests(), IsEmpty());
}

}  // namespace
}  // namespace standin::proxy::test
