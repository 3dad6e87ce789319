#include <thread>

#include "tests/proxy/test_boundary.h"

namespace standin::proxy::test {
namespace {

/// Where an origin answers before it read the body, and the proxy still holds the body's last piece, the next
/// request on that connection would be taken for the rest of the body: head, secret and all.
struct UnfinishedBody : BoundaryTest {
  UnfinishedBody() {
    plain.on_head("/early", [this](const Received& request) { return answer_early(request); });
    bind("http://" + at);
    other.emplace(*this);
  }

  /// 200 when the one gate opens; when the other does, the body is read, and a request behind it answered.
  [[nodiscard]] Reply answer_early(const Received& request) const {
    const std::size_t size = std::stoul(*request.field("content-length"));
    return Reply::converse([answer = *may_answer, read = *may_read, size](Conversation& with) {
      answer.wait(with.stop);
      with.stream.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      read.wait(with.stop);
      std::string body;
      while (body.size() < size) {
        const std::string piece = with.stream.read_some(size - body.size());
        if (piece.empty()) return;  // broken off: as it should be
        body += piece;
      }
      EXPECT_EQ(body.find("GET /next"), body.npos) << "a request in a body of " << size;
      if (with.stream.read_until("\r\n\r\n").empty()) return;
      with.stream.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    });
  }

  /// A body of that size, and a request after it. Whether the proxy had read all of the body when the answer
  /// came.
  bool was_read_whole(std::size_t size) {
    may_answer.emplace();
    may_read.emplace();
    Outside client(*this);
    // The long field makes the proxy read in pieces of 64 KiB, so that the last one is hit sooner.
    client.send(absolute(
        "POST http://" + at + "/early", at,
        "Content-Length: " + std::to_string(size) + "\r\nX-Long: " + std::string(60000, 'x') + "\r\n"));
    std::jthread sender([&] { client.send_pattern(size); });
    let_the_proxy_work();
    may_answer->open();
    const Response early = client.read_response();
    EXPECT_EQ(early.status, 200U);
    Outside next(*this);
    next.send(absolute("GET http://" + at + "/next", at));
    let_the_proxy_work();
    may_read->open();
    EXPECT_EQ(next.read_response().status, 200U) << size;
    return !early.field("connection");
  }

  /// It has one thread: what it can do is done when it has answered somebody else for a while.
  void let_the_proxy_work() {
    for (int i = 0; i < 20; ++i) (void)other->get("/");
  }

  FakeUpstream plain;
  std::string at = "localhost:" + std::to_string(plain.port());
  std::optional<Gate> may_answer, may_read;
  std::optional<Session> other;
};

TEST_F(UnfinishedBody, NeverHasANextRequestBehindIt) {
  std::size_t fits = 0;  // how much finds room in the kernel's buffers is the kernel's choice
  std::size_t too_much = 16 << 20;
  while (too_much - fits > 8 * 1024 && !HasFailure()) {
    const std::size_t size = fits + (too_much - fits) / 2;
    (was_read_whole(size) ? fits : too_much) = size;
  }
  // Just below, the last piece of the body is what finds none.
  for (std::size_t size = fits - 160 * 1024; size < fits + 32 * 1024 && !HasFailure(); size += 6000)
    (void)was_read_whole(size);
}

}  // namespace
}  // namespace standin::proxy::test
