#include "tests/bench/end_to_end/origin.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <iostream>
#include <memory>

#include "tests/bench/end_to_end/tls_socket.h"
#include "tests/stream.h"
#include "tests/test_pki.h"

namespace standin::bench {
namespace {

struct Connection {
  Connection(int epoll, int fd, SSL_CTX* context) : socket(epoll, fd, this) { socket.start_server(context); }
  TlsSocket socket;
  bool shaken = false;
  std::string in, out;
  std::size_t sent = 0;
};

class Origin {
 public:
  explicit Origin(const OriginOptions& options) : wanted_("Bearer " + options.token + "\r\n") {
    const test::TestPki pki;
    const test::Certificate certificate = pki.make_certificate({"localhost"});
    std::ofstream(options.folder + "/ca.pem") << pki.ca_pem();
    std::ofstream(options.folder + "/origin.pem") << certificate.pem();
    std::ofstream(options.folder + "/origin.key") << certificate.key_pem();
    context_ = server_context(options.folder + "/origin.pem", options.folder + "/origin.key");
    listener_ = test::Stream::listen_loopback(port);
    ::fcntl(listener_, F_SETFL, O_NONBLOCK);
    watch(listener_, &listener_);
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
        else if (auto* connection = static_cast<Connection*>(tag); !serve(*connection))
          delete connection;
      }
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
      new Connection(epoll_, fd, context_.get());  // owned by its registration with epoll
  }

  /// False once the connection is over.
  bool serve(Connection& with) const {
    if (!with.shaken) {
      const Step step = with.socket.handshake();
      if (step != Step::done) return step == Step::again;
      with.shaken = true;
    }
    const Step step = with.socket.read(with.in);
    for (std::size_t end = 0; (end = with.in.find("\r\n\r\n")) != std::string::npos;
         with.in.erase(0, end + 4))
      with.out += std::string_view(with.in).substr(0, end + 2).find(wanted_) == std::string_view::npos
                      ? refused_
                      : answer_;
    const Step written = with.socket.write(with.out, with.sent);
    if (written == Step::done) {
      with.out.clear();
      with.sent = 0;
    }
    return step == Step::again && (written == Step::done || written == Step::again);
  }

  std::string wanted_;
  std::string answer_ =
      "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 1024\r\n\r\n" +
      std::string(1024, 'x');
  std::string refused_ = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
  int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  int listener_ = -1;
  Context context_;
};

}  // namespace

int serve_origin(const OriginOptions& options) {
  Origin origin(options);
  std::cout << origin.port << std::endl;
  return origin.run();
}

}  // namespace standin::bench
