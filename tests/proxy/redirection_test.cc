#include "proxy/redirection.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/socket_address.h"

namespace standin::proxy {
namespace {

using std::chrono::seconds;

Endpoint endpoint(std::string_view address, std::uint16_t port = 0) {
  return {IpAddress::parse(address).value(), port};
}

SocketAddress raw(int family, const Endpoint& e) {
  return family == AF_INET ? SocketAddress::v4(e) : SocketAddress::v6(e);
}

class OwnedSocket {
 public:
  explicit OwnedSocket(int fd) : fd_(fd) {}
  OwnedSocket(int family, int flags) : fd_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0)) {}
  OwnedSocket(OwnedSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~OwnedSocket() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] Endpoint local() const {
    SocketAddress address;
    EXPECT_EQ(::getsockname(fd_, address.get(), &address.length), 0);
    return address.endpoint().value();
  }
  OwnedSocket& bound_to(int family, const Endpoint& e) {
    SocketAddress address = raw(family, e);
    EXPECT_EQ(::bind(fd_, address.get(), address.length), 0) << e.address.to_string();
    return *this;
  }
  OwnedSocket& with(int level, int option, int value) {
    EXPECT_EQ(::setsockopt(fd_, level, option, &value, sizeof value), 0);
    return *this;
  }

 private:
  int fd_;
};

OwnedSocket blocking() { return {AF_INET, 0}; }
OwnedSocket non_blocking() { return {AF_INET, SOCK_NONBLOCK}; }

/// The proxy's side: a listener, and who came.
struct Door {
  explicit Door(const char* address, int backlog = 1024)
      : listener(endpoint(address).address.is_v4() ? AF_INET : AF_INET6, 0) {
    const int family = endpoint(address).address.is_v4() ? AF_INET : AF_INET6;
    if (family == AF_INET6) listener.with(IPPROTO_IPV6, IPV6_V6ONLY, 1);
    listener.bound_to(family, endpoint(address));
    EXPECT_EQ(::listen(listener.get(), backlog), 0);
  }
  [[nodiscard]] std::uint16_t port() const { return listener.local().port; }
  struct Arrival {
    OwnedSocket socket;
    Endpoint peer;
  };
  [[nodiscard]] Arrival accept() const {
    SocketAddress peer;
    const int fd = ::accept4(listener.get(), peer.get(), &peer.length, SOCK_CLOEXEC);
    EXPECT_GE(fd, 0);
    return {OwnedSocket(fd), peer.endpoint().value()};
  }

  OwnedSocket listener;
};

struct RedirectionTest : ::testing::Test {
  Door v4{"127.0.0.1"};
  Door v6{"::1"};
  Redirection redirection{v4.port(), v6.port()};
  const Endpoint wanted = endpoint("203.0.113.9", 443);
  const Endpoint wanted_v6 = endpoint("2001:db8::9", 8443);
};

TEST_F(RedirectionTest, TellsWhereAConnectionWasMeantToGoOnce) {
  const auto socket = blocking();
  ASSERT_EQ(redirection.connect(socket.get(), wanted), 0);
  const auto arrival = v4.accept();
  EXPECT_EQ(arrival.peer, socket.local());
  EXPECT_EQ(redirection.take(arrival.peer), wanted);
  EXPECT_EQ(redirection.take(arrival.peer), std::nullopt);
}

TEST_F(RedirectionTest, NobodyElseIsExpected) {
  const auto socket = blocking();
  ASSERT_EQ(redirection.connect(socket.get(), wanted), 0);
  Endpoint other = socket.local();
  ++other.port;
  EXPECT_EQ(redirection.take(other), std::nullopt);
  EXPECT_EQ(redirection.take(endpoint("127.0.0.2", socket.local().port)), std::nullopt);
  EXPECT_EQ(redirection.take(socket.local()), wanted);
}

TEST_F(RedirectionTest, SocketsThatShareAPortAreToldApartByTheirAddress) {
  OwnedSocket one = blocking();
  one.bound_to(AF_INET, endpoint("127.0.0.8"));
  OwnedSocket other = blocking();
  other.bound_to(AF_INET, endpoint("127.0.0.9", one.local().port));
  ASSERT_EQ(redirection.connect(one.get(), wanted), 0);
  ASSERT_EQ(redirection.connect(other.get(), endpoint("203.0.113.10", 443)), 0);
  EXPECT_EQ(redirection.take(v4.accept().peer), wanted);
  EXPECT_EQ(redirection.take(v4.accept().peer), endpoint("203.0.113.10", 443));
}

TEST_F(RedirectionTest, EachFamilyGoesThroughTheDoorItCanReach) {
  struct Case {
    int family;
    bool only_v6;
    const char* wanted;
    bool through_v6;
  };
  for (const Case c :
       {Case{AF_INET, false, "203.0.113.9", false}, Case{AF_INET6, false, "203.0.113.9", false},
        Case{AF_INET6, false, "2001:db8::9", true}, Case{AF_INET6, true, "2001:db8::9", true}}) {
    OwnedSocket socket(c.family, 0);
    if (c.only_v6) socket.with(IPPROTO_IPV6, IPV6_V6ONLY, 1);
    ASSERT_EQ(redirection.connect(socket.get(), endpoint(c.wanted, 443)), 0) << c.wanted;
    EXPECT_EQ(redirection.take((c.through_v6 ? v6 : v4).accept().peer), endpoint(c.wanted, 443));
  }
}

TEST_F(RedirectionTest, WithoutIpv6AnIpv6SocketGoesThroughTheOtherDoor) {
  Redirection without(v4.port(), 0);
  OwnedSocket socket(AF_INET6, 0);
  ASSERT_EQ(without.connect(socket.get(), wanted_v6), 0);
  EXPECT_EQ(without.take(v4.accept().peer), wanted_v6);
  OwnedSocket only_v6(AF_INET6, 0);
  only_v6.with(IPPROTO_IPV6, IPV6_V6ONLY, 1);
  EXPECT_EQ(without.connect(only_v6.get(), wanted_v6), ENETUNREACH);
}

TEST_F(RedirectionTest, WhatASocketCannotReachAtAllIsRefused) {
  EXPECT_EQ(redirection.connect(blocking().get(), wanted_v6), EAFNOSUPPORT);
  OwnedSocket only_v6(AF_INET6, 0);
  only_v6.with(IPPROTO_IPV6, IPV6_V6ONLY, 1);
  EXPECT_EQ(redirection.connect(only_v6.get(), wanted), ENETUNREACH);
  EXPECT_EQ(redirection.connect(OwnedSocket(AF_UNIX, 0).get(), wanted), EAFNOSUPPORT);
  EXPECT_EQ(redirection.connect(-1, wanted), EAFNOSUPPORT);
}

TEST_F(RedirectionTest, ExpiredEntriesAreForgotten) {
  Redirection forgetful(v4.port(), 0, 1, seconds(0));
  for (int i = 0; i < 3; ++i) {  // and take no place
    const auto socket = blocking();
    ASSERT_EQ(forgetful.connect(socket.get(), wanted), 0);
    EXPECT_EQ(forgetful.take(socket.local()), std::nullopt);
  }
}

TEST_F(RedirectionTest, ThereAreNoMoreThanItsCapacity) {
  Redirection small(v4.port(), 0, 2);
  const auto one = blocking();
  const auto two = blocking();
  const auto three = blocking();
  ASSERT_EQ(small.connect(one.get(), wanted), 0);
  ASSERT_EQ(small.connect(two.get(), wanted), 0);
  EXPECT_EQ(small.connect(three.get(), wanted), EADDRNOTAVAIL);
  EXPECT_EQ(three.local().port, 0) << "it was not connected anywhere";
  EXPECT_EQ(small.connect(one.get(), wanted), EISCONN) << "which takes no place";
  EXPECT_EQ(small.take(one.local()), wanted);
  EXPECT_EQ(small.connect(three.get(), wanted), 0);
  EXPECT_EQ(small.take(three.local()), wanted);
}

TEST_F(RedirectionTest, ConnectionThatFailedIsNotExpected) {
  std::uint16_t nobody = 0;
  {
    const Door gone("127.0.0.1");
    nobody = gone.port();
  }
  Redirection small(nobody, 0, 1);
  const auto socket = blocking();
  EXPECT_EQ(small.connect(socket.get(), wanted), ECONNREFUSED);
  EXPECT_EQ(small.connect(blocking().get(), wanted), ECONNREFUSED) << "it takes no place";
}

TEST_F(RedirectionTest, AskingAgainGetsTheKernelsAnswerAndNoSecondEntry) {
  const Endpoint elsewhere = endpoint("203.0.113.66", 1);
  const auto connected = blocking();
  ASSERT_EQ(redirection.connect(connected.get(), wanted), 0);
  EXPECT_EQ(redirection.connect(connected.get(), elsewhere), EISCONN);
  EXPECT_EQ(redirection.take(connected.local()), wanted);
  EXPECT_EQ(redirection.connect(connected.get(), elsewhere), EISCONN);
  EXPECT_EQ(redirection.take(connected.local()), std::nullopt);

  const auto asking = non_blocking();
  ASSERT_EQ(redirection.connect(asking.get(), wanted), EINPROGRESS);
  EXPECT_EQ(redirection.connect(asking.get(), elsewhere), 0);
  EXPECT_EQ(redirection.connect(asking.get(), elsewhere), EISCONN);
  EXPECT_EQ(redirection.take(asking.local()), wanted);
  EXPECT_EQ(redirection.take(asking.local()), std::nullopt);
}

/// Where the backlog is full the kernel lets the others wait.
TEST_F(RedirectionTest, ConnectionThatStillWaitsIsExpectedOnce) {
  const Door full("127.0.0.1", 0);
  Redirection crowded(full.port(), 0);
  const auto first = blocking();
  ASSERT_EQ(crowded.connect(first.get(), wanted), 0);
  const auto waiting = non_blocking();
  ASSERT_EQ(crowded.connect(waiting.get(), wanted), EINPROGRESS);
  EXPECT_EQ(crowded.connect(waiting.get(), endpoint("203.0.113.66", 1)), EALREADY);
  EXPECT_EQ(crowded.take(waiting.local()), wanted);
  EXPECT_EQ(crowded.take(waiting.local()), std::nullopt);

  // A blocking one waits for as long as it says itself.
  auto impatient = blocking();
  const timeval at_once{0, 1};
  ASSERT_EQ(::setsockopt(impatient.get(), SOL_SOCKET, SO_SNDTIMEO, &at_once, sizeof at_once), 0);
  ASSERT_EQ(crowded.connect(impatient.get(), wanted), EINPROGRESS);
  EXPECT_EQ(crowded.take(impatient.local()), wanted);
}

TEST_F(RedirectionTest, ListeningSocketIsNotExpected) {
  const Door child("127.0.0.1");
  EXPECT_EQ(redirection.connect(child.listener.get(), wanted), EISCONN);
  EXPECT_EQ(redirection.take(child.listener.local()), std::nullopt);
}

TEST_F(RedirectionTest, PortThatIsUsedAgainIsMeantForItsLatestWanted) {
  Endpoint local;
  {
    auto closed = blocking();
    closed.with(SOL_SOCKET, SO_REUSEADDR, 1).bound_to(AF_INET, endpoint("127.0.0.1"));
    ASSERT_EQ(redirection.connect(closed.get(), wanted), 0);
    local = closed.local();
    const linger at_once{1, 0};
    ::setsockopt(closed.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  auto again = blocking();
  again.with(SOL_SOCKET, SO_REUSEADDR, 1).bound_to(AF_INET, local);
  ASSERT_EQ(redirection.connect(again.get(), endpoint("203.0.113.10", 80)), 0);
  EXPECT_EQ(redirection.take(local), endpoint("203.0.113.10", 80));
  EXPECT_EQ(redirection.take(local), std::nullopt);
}

/// The accept may come before connect() has returned: the look-up must not.
TEST_F(RedirectionTest, NoArrivalIsEverTooEarly) {
  constexpr int count = 2000;
  std::vector<std::uint16_t> arrived;
  {
    const std::jthread proxy([&] {
      for (int i = 0; i < count; ++i) {
        const auto arrival = v4.accept();
        const auto meant = redirection.take(arrival.peer);
        arrived.push_back(meant ? meant->port : 0);
      }
    });
    for (int i = 1; i <= count; ++i) {
      // Patient for a tick, as a redirected one is: a connect() that waited for the accept() of the other,
      // who waits for the look-up to be free, would wait for ever.
      const auto socket = blocking();
      const timeval tick{0, 1};
      EXPECT_EQ(::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &tick, sizeof tick), 0);
      const int error =
          redirection.connect(socket.get(), endpoint("203.0.113.9", static_cast<std::uint16_t>(i)));
      // Not ASSERT: the other waits.
      EXPECT_TRUE(error == 0 || error == EINPROGRESS) << error;
      pollfd line{socket.get(), POLLOUT, 0};
      EXPECT_EQ(::poll(&line, 1, 30'000), 1);
    }
  }
  for (int i = 0; i < count; ++i) ASSERT_EQ(arrived[static_cast<std::size_t>(i)], i + 1);
}

}  // namespace
}  // namespace standin::proxy
