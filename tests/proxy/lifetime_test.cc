// How conversations end: peers that leave, hang or never begin, and the end of the run.
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/proxy/test_boundary.h"

namespace standin::proxy::test {
namespace {

using standin::test::Fields;
using ::testing::Each;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct LifetimeTest : BoundaryTest {
  [[nodiscard]] std::string head(const std::string& line, const std::string& more = {}) const {
    return line + " HTTP/1.1\r\nHost: " + authority() + "\r\n" + more + "\r\n";
  }
  std::chrono::steady_clock::duration time_of_stop() {
    const auto before = std::chrono::steady_clock::now();
    proxy->stop();
    return std::chrono::steady_clock::now() - before;
  }
};

TEST_F(LifetimeTest, ClientGoneInADownloadEndsItAtTheOrigin) {
  const Gate ended;
  origin.on("/", [=](const Received&) {
    return Reply::converse([=](Conversation& with) {
      with.stream.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n");
      try {
        while (true) with.stream.write(std::string(65536, 'x'));
      } catch (const StreamError&) {
        Gate(ended).open();
      }
    });
  });
  Session client(*this);
  client.send(head("GET /"));
  (void)client.read_exactly(1000000);
  client.reset();
  EXPECT_NO_THROW(ended.wait());
  const auto outcome = interceptor.wait_for_outcomes(1)[0];
  EXPECT_EQ(outcome.reason, "client_gone");
  EXPECT_EQ(outcome.status, 200U);
  EXPECT_GE(outcome.response_bytes, 900000U);
}

TEST_F(LifetimeTest, ClientGoneBeforeTheAnswerEndsTheRequestAtTheOrigin) {
  origin.on("/", [](const Received&) { return Reply::hang(); });
  {
    Session client(*this);
    client.send(head("GET /"));
    (void)origin.wait_for_requests(1);
  }
  EXPECT_NO_THROW(origin.wait_until_idle());
  EXPECT_EQ(interceptor.wait_for_outcomes(1)[0].reason, "client_gone");
  EXPECT_EQ(interceptor.outcomes(), 1U);
}

TEST_F(LifetimeTest, ClientGoneInAnUploadNeverLooksLikeAWholeBody) {
  for (const char* framing : {"Content-Length: 1000\r\n", "Transfer-Encoding: chunked\r\n"}) {
    Session client(*this);
    client.send(head("POST /", framing) + "5\r\nhello\r\n");
    client.half_close();
    EXPECT_NO_THROW(origin.wait_until_idle());
  }
  for (const auto& request : origin.requests()) EXPECT_FALSE(request.complete);
  for (const auto& outcome : interceptor.wait_for_outcomes(2)) {
    EXPECT_EQ(outcome.reason, "client_gone");
    EXPECT_EQ(outcome.status, 0U);
  }
  EXPECT_THAT(origin.failures(), ::testing::SizeIs(2));
}

TEST_F(LifetimeTest, ClientThatOnlyFinishedWritingIsAnswered) {
  origin.on("/", [](const Received&) { return Reply::generated(3000000); });
  Session client(*this);
  client.send(head("GET /"));
  client.half_close();
  EXPECT_EQ(client.read_response().body.size, 3000000U);
}

TEST_F(LifetimeTest, HeadsThatNeverEndAreEnded) {
  options.limits.client_head = std::chrono::seconds(1);
  Outside silent(*this);
  Outside slow(*this);
  slow.send("GET / HTTP/1.1\r\nHost: ");
  Outside handshake(*this);
  ASSERT_EQ(handshake.connect(authority(), userinfo()).status, 200U);
  handshake.send("\x16\x03\x01");
  Session kept(*this);
  EXPECT_EQ(kept.get("/").status, 200U);
  for (TestClient* client : {static_cast<TestClient*>(&silent), static_cast<TestClient*>(&slow),
                             static_cast<TestClient*>(&handshake)}) {
    try {
      EXPECT_TRUE(client->at_end());
    } catch (const StreamError& error) {
      EXPECT_THAT(error.what(), HasSubstr("reset"));
    }
  }
  EXPECT_EQ(kept.get("/").status, 200U);  // which may be idle for as long as it likes
}

TEST_F(LifetimeTest, EndlessEmptyLinesAreRefused) {
  Outside client(*this);
  std::string lines;
  for (int i = 0; i < 1000; ++i) lines += "\r\n";
  client.send(lines);
  EXPECT_EQ(error_code(client.read_response()), "bad_request");
}

TEST_F(LifetimeTest, HeadTooLargeIsToldSo) {
  Session client(*this);
  client.send("GET / HTTP/1.1\r\nHost: " + authority() + "\r\nX: " + std::string(200000, 'x') + "\r\n\r\n");
  const Response response = client.read_response();
  EXPECT_EQ(response.status, 431U);
  EXPECT_EQ(error_code(response), "bad_request");
  const auto head_of = [&](std::size_t size) {
    const std::string begin = head("GET /", "X: ");
    return begin.substr(0, begin.size() - 2) + std::string(size - begin.size() - 2, 'x') + "\r\n\r\n";
  };
  ASSERT_EQ(head_of(65536).size(), 65536U);
  Session other(*this);
  other.send(head_of(65536));
  EXPECT_EQ(other.read_response().status, 200U);
  other.send(head_of(65537));
  EXPECT_EQ(other.read_response().status, 431U);
}

TEST_F(LifetimeTest, TenThousandFieldsDoNotHoldUpTheOthers) {
  std::string fields;
  for (int i = 0; i < 5000; ++i) fields += "a:\r\n";
  std::string named;
  for (int i = 0; i < 5000; ++i) named += "b" + std::to_string(i % 10) + ",";
  origin.on_any([&](const Received&) { return Reply::body(200, "x"); });
  Session client(*this);
  const auto before = std::chrono::steady_clock::now();
  client.send(head("GET /", fields + "Connection: " + named + "x\r\n"));
  EXPECT_EQ(client.read_response().status, 200U);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(5));
}

TEST_F(LifetimeTest, WhereThereIsNoRoomClientsWaitTheirTurn) {
  options.limits.max_connections = 3;
  auto first = std::make_unique<Outside>(*this);
  Outside second(*this);
  Outside third(*this);
  for (TestClient* client : {static_cast<TestClient*>(first.get()), static_cast<TestClient*>(&second),
                             static_cast<TestClient*>(&third)})
    EXPECT_EQ(client->connect("x", "no:pass").status, 407U);
  Outside fourth(*this);
  fourth.send(absolute("GET https://" + authority() + "/", authority()));
  EXPECT_EQ(second.connect("x", "no:pass").status, 407U);  // the others are served meanwhile
  first.reset();
  EXPECT_EQ(fourth.read_response().status, 200U);
}

TEST_F(LifetimeTest, IdleConnectionsCostLittle) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  constexpr std::size_t count = 2000;
  const std::string request = absolute("GET https://" + authority() + "/", authority());
  std::vector<std::shared_ptr<TestClient>> clients;
  [[maybe_unused]] std::size_t before = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (i == 100) before = resident_bytes();
    clients.push_back(std::make_shared<Outside>(*this));
    clients.back()->send(request);
    ASSERT_EQ(clients.back()->read_response().status, 200U) << i;
  }
#if !defined(__SANITIZE_ADDRESS__)
  EXPECT_LT((resident_bytes() - before) / count, 6000U);
#endif
  for (const std::size_t i : {std::size_t{0}, count / 2, count - 1}) {
    clients[i]->send(request);
    EXPECT_EQ(clients[i]->read_response().status, 200U);
  }
  EXPECT_EQ(origin.connections(), 1U);
  EXPECT_LT(time_of_stop(), std::chrono::seconds(1));
}

TEST_F(LifetimeTest, StopTellsEveryExchangeThatItEnded) {
  const Gate never;
  const RawPeer silent;
  bind(silent.authority());
  origin.on("/hang", [](const Received&) { return Reply::hang(); });
  origin.on("/half", [=](const Received&) { return Reply::with_length(100, {"half", never}); });
  origin.on("/ws", [](const Received&) { return Reply::upgrade_to_echo("websocket"); });
  Session hang(*this);
  hang.send(head("GET /hang"));
  Session half(*this);
  half.send(head("GET /half"));
  EXPECT_EQ(half.read_head().second, "200");
  Session upload(*this);
  upload.send(head("POST /hang", "Content-Length: 100\r\n") + "part");
  Session web_socket(*this);
  web_socket.send(head("GET /ws", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  EXPECT_EQ(web_socket.read_head().second, "101");
  Outside dialling(*this);
  dialling.send(absolute("GET https://" + silent.authority() + "/", silent.authority()));
  const auto far = silent.accept();
  EXPECT_EQ(far->read_exactly(1), "\x16");
  while (interceptor.unfinished() < 5) std::this_thread::yield();

  EXPECT_LT(time_of_stop(), std::chrono::seconds(1));
  EXPECT_EQ(interceptor.unfinished(), 0U);
  const auto outcomes = interceptor.wait_for_outcomes(5);
  EXPECT_EQ(outcomes.size(), 5U);
  unsigned aborted = 0;
  for (const auto& outcome : outcomes) aborted += outcome.reason == "aborted";
  EXPECT_GE(aborted, 4U);  // a WebSocket has no end that is not one
  EXPECT_THAT(interceptor.refused(), IsEmpty());
  proxy->stop();  // again: nothing
  EXPECT_EQ(interceptor.outcomes(), 5U);
}

TEST_F(LifetimeTest, DestroyedInTheMiddleOfEverything) {
  const RawPeer silent;
  bind(silent.authority());
  origin.on("/hang", [](const Received&) { return Reply::hang(); });
  FakeUpstream unbound;
  std::vector<std::shared_ptr<TestClient>> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(std::make_shared<Session>(*this));
    clients.back()->send(head("GET /hang"));
    clients.push_back(std::make_shared<Outside>(*this));
    ASSERT_EQ(clients.back()->connect("localhost:" + std::to_string(unbound.port()), userinfo()).status,
              200U);
    clients.push_back(std::make_shared<Outside>(*this));
    ASSERT_EQ(clients.back()->connect(silent.authority(), userinfo()).status, 200U);
    clients.push_back(std::make_shared<Outside>(*this));
    clients.back()->send(absolute("GET https://" + silent.authority() + "/", silent.authority()));
    clients.push_back(std::make_shared<Outside>(*this));
    clients.back()->send("GET htt");
  }
  while (interceptor.unfinished() < 10) std::this_thread::yield();
  proxy.reset();
  EXPECT_EQ(interceptor.unfinished(), 0U);
  EXPECT_GE(interceptor.outcomes(), 10U);
}

TEST_F(LifetimeTest, StoppedWithoutHavingStarted) {
  options.trust_file = pki.ca_file();
  Proxy unstarted(options, interceptor);
  unstarted.stop();
  EXPECT_NE(unstarted.port(), 0U);
}

TEST_F(LifetimeTest, OneQuickDownloadDoesNotHoldUpTheOthers) {
  FakeUpstream plain;
  const std::string at = "localhost:" + std::to_string(plain.port());
  plain.on("/big", [](const Received&) { return Reply::generated(512 << 20); });
  Outside big(*this);
  big.send(absolute("GET http://" + at + "/big", at));
  EXPECT_EQ(big.read_head().second, "200");
  std::atomic<bool> done = false;
  std::jthread reader([&] {
    std::uint64_t left = 512 << 20;
    while (left > 0) left -= big.read_some().size();
    done = true;
  });
  Outside small(*this);
  unsigned answered = 0;
  while (!done) {
    small.send(absolute("GET http://" + at + "/", at));
    EXPECT_EQ(small.read_response().status, 200U);
    ++answered;
  }
  EXPECT_GE(answered, 10U);
}

}  // namespace
}  // namespace standin::proxy::test
