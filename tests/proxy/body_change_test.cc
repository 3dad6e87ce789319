#include "tests/h2_peer.h"
#include "tests/proxy/test_boundary.h"

namespace standin::proxy::test {
namespace {

using standin::test::Fields;
using standin::test::H2Message;
using standin::test::H2Origin;
using standin::test::H2Peer;
using testing::HasSubstr;
using testing::Not;

/// Puts one word in place of another, and holds back what may begin it.
class Replace final : public BodyTransform {
 public:
  Replace(std::string from, std::string to) : from_(std::move(from)), to_(std::move(to)) {}

  std::optional<Refusal> feed(std::string_view piece, WipingBuffer& out) override {
    held_ += piece;
    for (std::size_t at = held_.find(from_); at != held_.npos; at = held_.find(from_)) {
      append(out, held_.substr(0, at) + to_);
      held_.erase(0, at + from_.size());
    }
    if (held_.find("forbidden") != held_.npos) return Refusal{451, "not_that", "a word that may not go", ""};
    std::size_t keep = std::min(held_.size(), from_.size() - 1);
    while (!from_.starts_with(held_.substr(held_.size() - keep))) --keep;
    append(out, held_.substr(0, held_.size() - keep));
    held_.erase(0, held_.size() - keep);
    return std::nullopt;
  }
  std::optional<Refusal> finish(WipingBuffer& out) override {
    append(out, held_);
    return std::nullopt;
  }

 private:
  std::string from_, to_, held_;
};

struct BodyChange : BoundaryTest {
  BodyChange() {
    bind("https://" + http2_origin.authority());
    interceptor.change_body = [](const RequestHead&) { return std::make_unique<Replace>("cat", "tiger"); };
    interceptor.change_response = [](ResponseHead& head) -> std::unique_ptr<BodyTransform> {
      if (head.status < 200) return nullptr;
      return std::make_unique<Replace>("tiger", "cat");
    };
    interceptor.change_trailer = [](const Field& trailer) -> std::optional<WipingBuffer> {
      if (trailer.value != "tiger") return std::nullopt;
      return WipingBuffer{'c', 'a', 't'};
    };
    origin.on_any([](const Received& r) { return Reply::body(200, r.body.bytes); });
  }
  H2Origin http2_origin{{.certificate = pki.make_certificate({"localhost"})}};

  std::string through_http2(const std::string& host, const std::string& body, const Fields& more = {}) {
    Outside client(*this);
    EXPECT_EQ(client.connect(host, userinfo()).status, 200U);
    client.start_tls("localhost", proxy->authority_pem(), std::string_view("\x02h2", 3));
    H2Peer peer(client.stream(), H2Peer::Role::client);
    Fields head = {{":method", "POST"}, {":scheme", "https"}, {":authority", host}, {":path", "/"}};
    head.insert(head.end(), more.begin(), more.end());
    return peer.await_end(peer.request({head, body, {}})).body;
  }
};

TEST_F(BodyChange, ShortRequestKeepsALength) {
  Session client(*this);
  EXPECT_EQ(client.post("/", "a cat, a ca").body.bytes, "a cat, a ca");
  EXPECT_EQ(origin.last().body.bytes, "a tiger, a ca");
  EXPECT_EQ(origin.last().field("content-length"), "13");
}

TEST_F(BodyChange, LongRequestGoesInChunks) {
  Session client(*this);
  const std::string body = std::string(100000, 'x') + "cat";
  EXPECT_EQ(client.post("/", body).body.size, body.size());
  EXPECT_EQ(origin.last().field("transfer-encoding"), "chunked");
  EXPECT_EQ(origin.last().field("content-length"), std::nullopt);
  EXPECT_THAT(origin.last().body.bytes, testing::EndsWith("xtiger"));
}

TEST_F(BodyChange, ShortResponseHasItsLengthAgain) {
  origin.on("/", [](const Received&) { return Reply::body(200, "a tiger"); });
  Session client(*this);
  const Response got = client.get("/");
  EXPECT_EQ(got.body.bytes, "a cat");
  EXPECT_EQ(got.field("content-length"), "5");
  EXPECT_EQ(got.field("transfer-encoding"), std::nullopt);
}

TEST_F(BodyChange, LongResponseHasNoLengthThatIsNotTrue) {
  const std::string body = std::string(100000, 'x') + "cat";
  Session client(*this);
  const Response got = client.post("/", body);
  EXPECT_EQ(got.body.bytes, body);
  EXPECT_EQ(got.field("content-length"), std::nullopt);
  EXPECT_EQ(got.field("transfer-encoding"), "chunked");
  Session old(*this);
  old.send("POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\ncat");
  EXPECT_THAT(old.read_to_end(), testing::EndsWith("\r\n\r\ncat"));
}

TEST_F(BodyChange, MessageWithoutBodyStaysOne) {
  origin.on("/empty", [](const Received&) { return Reply::body(200, ""); });
  Session client(*this);
  EXPECT_EQ(client.get("/empty").field("content-length"), "0");
  EXPECT_EQ(origin.last().field("transfer-encoding"), std::nullopt);
  client.send(head("HEAD /"));
  EXPECT_EQ(client.read_response("HEAD").status, 200U);
  EXPECT_EQ(client.get("/empty").status, 200U);
}

TEST_F(BodyChange, IsTheSameInEveryVersion) {
  http2_origin.on_whole = [](H2Peer& peer, std::int32_t id) {
    peer.respond(id, {{{":status", "200"}, {"content-length", std::to_string(peer.message(id).body.size())}},
                      peer.message(id).body,
                      {{"x", "tiger"}}});
  };
  const std::string body = "cat ca t cat" + std::string(70000, 'c') + "at";
  EXPECT_EQ(through_http2(http2_origin.authority(), body), body);
  EXPECT_THAT(http2_origin.last().body, testing::StartsWith("tiger ca t tigercc"));
  EXPECT_EQ(through_http2(http2_origin.authority(), "cat", {{"content-length", "3"}}), "cat");
  EXPECT_EQ(http2_origin.last().field("content-length"), "5");
  EXPECT_EQ(through_http2(authority(), body), body);
  Session old(*this, http2_origin.authority());
  const Response got = old.post("/", "cat");
  EXPECT_EQ(got.body.bytes, "cat");
  EXPECT_EQ(got.body.trailers, (Fields{{"x", "cat"}}));
}

TEST_F(BodyChange, EachCutOfTheBodyGivesTheSame) {
  const std::string body = "a catcat in a ca";
  for (std::size_t cut = 1; cut <= body.size(); ++cut) {
    Session client(*this);
    client.send_cut(head("POST /", "Content-Length: " + std::to_string(body.size()) + "\r\n") + body, cut);
    EXPECT_EQ(client.read_response().body.bytes, body) << cut;
    EXPECT_EQ(origin.last().body.bytes, "a tigertiger in a ca") << cut;
  }
}

TEST_F(BodyChange, BodyThatIsWaitedForDoesNotTouchTheHead) {
  Session client(*this);
  const std::string body = "Evil: 1\r\n" + std::string(1000, 'x');
  client.send(head("POST /", "Content-Length: " + std::to_string(body.size()) + "\r\nX-Kept: as it was\r\n"));
  for (std::size_t at = 0; at < body.size(); at += 400) client.send(body.substr(at, 400));
  EXPECT_EQ(client.read_response().body.bytes, body);
  EXPECT_THAT(origin.last().head.fields,
              testing::ElementsAre(testing::Pair("Host", authority()), testing::Pair("X-Kept", "as it was"),
                                   testing::Pair("Content-Length", std::to_string(body.size()))));
}

TEST_F(BodyChange, RefusalBeforeTheHeadIsAResponse) {
  Session client(*this);
  EXPECT_EQ(error_code(client.post("/", "a forbidden word")), "not_that");
  EXPECT_TRUE(origin.requests().empty());
  EXPECT_EQ(interceptor.wait_for_outcomes(1)[0].reason, "not_that");
}

TEST_F(BodyChange, RefusalIsItsMakersToRecord) {
  origin.on("/forbidden", [](const Received&) { return Reply::body(200, "forbidden"); });
  Session client(*this);
  EXPECT_EQ(error_code(client.post("/", "a forbidden word")), "not_that");
  EXPECT_EQ(error_code(client.get("/forbidden")), "not_that");
  client.send(head("POST /", "Content-Length: 200000\r\n") + std::string(150000, 'x') + "forbidden" +
              std::string(49991, 'z'));
  EXPECT_EQ(error_code(client.read_response()), "not_that");
  EXPECT_EQ(interceptor.wait_for_outcomes(3)[2].reason, "not_that");
  EXPECT_THAT(interceptor.refused(), testing::IsEmpty());
}

TEST_F(BodyChange, RefusedResponseNeverLooksWhole) {
  const Gate head_seen;
  origin.on("/late", [=](const Received&) { return Reply::events({"first\n\n", head_seen, "forbidden"}); });
  origin.on("/early", [](const Received&) {
    return Reply::converse([](Conversation& with) {  // head and body in one write
      with.stream.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nforbidden");
    });
  });
  Session early(*this);
  EXPECT_EQ(error_code(early.get("/early")), "not_that");
  Session late(*this);
  late.send(head("GET /late"));
  EXPECT_THAT(late.read_until("first\n\n"), HasSubstr("200 OK"));
  Gate(head_seen).open();
  EXPECT_THAT(late.read_to_end(), Not(HasSubstr("\r\n0\r\n")));
  EXPECT_TRUE(late.stream().tls_truncated());
  EXPECT_EQ(interceptor.wait_for_outcomes(2)[1].reason, "not_that");
}

TEST_F(BodyChange, RefusedUploadNeverLooksWholeToTheOrigin) {
  Session client(*this);
  client.send(head("POST /", "Content-Length: 200000\r\n") + std::string(150000, 'x'));
  client.send(std::string(100, 'y') + "forbidden" + std::string(200000 - 150109, 'z'));
  EXPECT_EQ(error_code(client.read_response()), "not_that");
  for (const Received& request : origin.requests()) EXPECT_FALSE(request.complete);
}

TEST_F(BodyChange, EventLeavesInTheTurnInWhichItCame) {
  const Gate seen;
  origin.on("/events", [=](const Received&) { return Reply::events({"data: tiger\n\n", seen, "end"}); });
  Session client(*this);
  client.send(head("GET /events"));
  EXPECT_THAT(client.read_until("\n\n"), HasSubstr("data: cat"));
  Gate(seen).open();
  EXPECT_THAT(client.read_until("0\r\n\r\n"), HasSubstr("end"));
}

}  // namespace
}  // namespace standin::proxy::test
