#include <atomic>
#include <random>
#include <thread>

#include "tests/proxy/test_boundary.h"

namespace standin::proxy::test {
namespace {

/// Many clients at once, that leave when it suits them: what is answered is right, and every exchange ends
/// once.
struct Stress : BoundaryTest {
  Stress() {
    origin.on_any([](const Received& r) { return Reply::body(200, r.target() + r.body.bytes); });
    origin.on("/chunked", [](const Received&) { return Reply::chunked({std::string(30000, 'c'), "end"}); });
    origin.on("/big", [](const Received&) { return Reply::generated(300000); });
    origin.on("/cut",
              [](const Received&) { return Reply::body(200, std::string(30000, 'c')).cut_at(20000); });
    origin.on("/reset",
              [](const Received&) { return Reply::body(200, std::string(30000, 'c')).reset_at(20000); });
    origin.on("/close", [](const Received&) { return Reply::body(200, "bye").close_after(); });
    origin.on_head("/early", [](const Received&) { return Reply::body(413, "no").close_after(); });
  }

  void one_request(TestClient& client, std::minstd_rand& random) {
    const std::string host = authority();
    switch (random() % 9) {
      case 0:
        EXPECT_EQ(client.request("GET", "/x", host).body.bytes, "/x");
        return;
      case 1:
        EXPECT_EQ(client.request("POST", "/y", host, {}, "body").body.bytes, "/ybody");
        return;
      case 2:
        EXPECT_EQ(client.request("GET", "/chunked", host).body.size, 30003U);
        return;
      case 3:
        EXPECT_EQ(client.request("GET", "/big", host).body.size, 300000U);
        return;
      case 4:
        EXPECT_EQ(client.request("GET", "/close", host).body.bytes, "bye");
        return;
      case 5:
        (void)client.request("GET", random() % 2 ? "/cut" : "/reset", host);
        ADD_FAILURE() << "a cut response looked whole";
        return;
      case 6:
        client.send("GET /big HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
        (void)client.read_some();
        client.reset();
        throw StreamError("gone in a download");
      case 7:
        client.send("POST /y HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 100000\r\n\r\npart");
        client.reset();
        throw StreamError("gone in an upload");
      default:
        EXPECT_EQ(client.request("POST", "/early", host, {}, std::string(200000, 'u')).status, 413U);
        throw StreamError("the answer came early: no more here");
    }
  }

  void client_of_many(unsigned seed, unsigned requests) {
    std::minstd_rand random(seed);
    std::shared_ptr<TestClient> client;
    for (unsigned i = 0; i < requests; ++i) {
      try {
        if (!client) client = std::make_shared<Session>(*this);
        one_request(*client, random);
        ++answered;
      } catch (const StreamError& error) {
        EXPECT_EQ(std::string_view(error.what()).find("nothing happened"), std::string_view::npos)
            << error.what();
        client.reset();
      }
    }
  }

  std::atomic<unsigned> answered = 0;
};

TEST_F(Stress, EveryAnswerIsRightAndEveryExchangeEndsOnce) {
  start();
  {
    std::vector<std::jthread> clients;
    for (unsigned i = 1; i <= 64; ++i) clients.emplace_back([this, i] { client_of_many(i, 50); });
  }
  const std::size_t passed = interceptor.passed().size();
  EXPECT_GT(answered, 1000U);
  EXPECT_EQ(interceptor.wait_for_outcomes(passed).size(), passed);
  proxy->stop();
  EXPECT_EQ(interceptor.outcomes(), passed);
  EXPECT_EQ(interceptor.unfinished(), 0U);
}

}  // namespace
}  // namespace standin::proxy::test
