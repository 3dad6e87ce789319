#include "tests/bench/end_to_end/origin.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <iostream>
#include <memory>
#include <set>

#include "tests/bench/end_to_end/pump.h"
#include "tests/bench/end_to_end/tls_socket.h"
#include "tests/bench/end_to_end/wire.h"
#include "tests/stream.h"
#include "tests/test_pki.h"

namespace standin::bench {
namespace {

constexpr long between_events = 10'000'000;  // nanoseconds

struct Client {
  Client(int epoll, int fd, SSL_CTX* context) : socket(epoll, fd, this) { socket.start_server(context); }
  TlsSocket socket;
  std::unique_ptr<OriginWire> wire;  // from the end of the handshake on
  Pump pump;
};

class Origin {
 public:
  explicit Origin(const OriginOptions& options) : token_(options.token) {
    const test::TestPki pki;
    const test::Certificate certificate = pki.make_certificate({"localhost", "*.bench.test"});
    std::ofstream(options.folder + "/ca.pem") << pki.ca_pem();
    std::ofstream(options.folder + "/origin.pem") << certificate.pem();
    std::ofstream(options.folder + "/origin.key") << certificate.key_pem();
    context_ = server_context(options.folder + "/origin.pem", options.folder + "/origin.key");
    listener_ = test::Stream::listen_loopback(port);
    ::fcntl(listener_, F_SETFL, O_NONBLOCK);
    watch(listener_, &listener_);
    watch(clock_, &clock_);
    watch(0, nullptr);
  }

  int run() {
    std::array<epoll_event, 256> events;
    while (true) {
      const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) {
        void* const tag = events[static_cast<std::size_t>(i)].data.ptr;
        if (tag == nullptr) return 0;
        if (tag == &listener_)
          accept_all();
        else if (tag == &clock_)
          tick();
        else
          serve(static_cast<Client*>(tag));
      }
      for (const Client* client : over_) delete client;
      over_.clear();
    }
  }

  std::uint16_t port = 0;

 private:
  void watch(int fd, void* tag) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = tag;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  void accept_all() {
    for (int fd = 0; (fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;)
      new Client(epoll_, fd, context_.get());  // owned by its registration with epoll
  }

  void serve(Client* client) {
    if (advance(*client) == Step::again) {
      if (client->wire && client->wire->has_events() && listening_.insert(client).second) set_clock();
      return;
    }
    listening_.erase(client);
    over_.insert(client);  // an event for it may be in hand
  }

  Step advance(Client& with) {
    if (!with.wire) {
      const Step step = with.socket.handshake();
      if (step != Step::done) return step;
      with.wire = with.socket.speaks_http2() ? http2_origin(token_) : http1_origin(token_);
    }
    return with.pump.run(with.socket, *with.wire);
  }

  /// An event for everyone who listens, with the time at which it leaves.
  void tick() {
    std::uint64_t turns = 0;
    if (::read(clock_, &turns, sizeof turns) != sizeof turns) return;
    const std::set<Client*> listening = listening_;
    for (Client* client : listening) {
      if (client->wire->has_events())
        client->wire->event("data: " + std::to_string(now()) + "\n\n");
      else
        listening_.erase(client);
      serve(client);
    }
    set_clock();
  }

  /// Runs only while someone listens: a clock that ticks is noise in what else is measured.
  void set_clock() const {
    itimerspec every{};
    if (!listening_.empty()) every.it_value.tv_nsec = between_events;
    ::timerfd_settime(clock_, 0, &every, nullptr);
  }

  std::string token_;
  int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  int clock_ = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  int listener_ = -1;
  Context context_;
  std::set<Client*> listening_, over_;
};

}  // namespace

int serve_origin(const OriginOptions& options) {
  Origin origin(options);
  std::cout << origin.port << std::endl;
  return origin.run();
}

}  // namespace standin::bench
