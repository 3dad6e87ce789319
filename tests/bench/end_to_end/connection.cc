#include "tests/bench/end_to_end/connection.h"

#include <charconv>

#include "tests/test_client.h"

namespace standin::bench {

void Way::go_through(const std::string& proxy_url) {
  const auto colon = proxy_url.rfind(':');
  std::from_chars(proxy_url.data() + colon + 1, proxy_url.data() + proxy_url.size(), proxy_port);
  if (proxy_port == 0) die("no port in the proxy's URL");
  const auto start = proxy_url.find("//") + 2;
  if (const auto at = proxy_url.find('@'); at != std::string::npos)
    proxy_authorization = "Proxy-Authorization: " + test::basic(proxy_url.substr(start, at - start)) + "\r\n";
}

std::string Way::authority(const std::string& host) const { return host + ":" + std::to_string(origin_port); }

Connection::Connection(const Way& way, int epoll, ConnectionOwner& owner)
    : way_(way), epoll_(epoll), owner_(owner) {}

void Connection::dial(const std::string& host) {
  dialled_ = now();
  host_ = host;
  next_host_.clear();
  state_ = State::connecting;
  wire_.reset();
  pump_ = {};
  const std::uint16_t port = way_.proxy_port != 0 ? way_.proxy_port : way_.origin_port;
  socket_ = std::make_unique<TlsSocket>(epoll_, TlsSocket::connecting(port), this);
}

void Connection::advance() {
  const Step result = state_ == State::open ? pump_.run(*socket_, *wire_) : opening();
  if (result != Step::again)
    die((result == Step::closed ? "the peer closed: " : "a connection failed: ") + in_.substr(0, 300));
  if (next_host_.empty()) return;
  socket_->close_notify();
  dial(std::string(next_host_));
}

Step Connection::opening() {
  Step result = Step::done;
  while (result == Step::done) result = state_ == State::open ? pump_.run(*socket_, *wire_) : step();
  return result;
}

/// `done`: the next state is reached.
Step Connection::step() {
  switch (state_) {
    case State::connecting: {
      const Step result = socket_->connected();
      if (result == Step::done) way_.proxy_port == 0 ? shake() : ask_for_tunnel();
      return result;
    }
    case State::asking: {
      const Step result = socket_->write(out_, sent_);
      if (result == Step::done) state_ = State::tunnelling;
      return result;
    }
    case State::tunnelling: {
      const Step result = socket_->read(in_);
      if (result != Step::done || !in_.ends_with("\r\n\r\n")) return result;
      if (in_.find(" 200") == std::string::npos) die("the proxy said " + in_);
      shake();
      return Step::done;
    }
    case State::shaking: {
      const Step result = socket_->handshake();
      if (result == Step::done) open();
      return result;
    }
    case State::open:
      break;
  }
  return Step::failed;
}

void Connection::ask_for_tunnel() {
  const std::string target = way_.authority(host_);
  out_ = "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n" + way_.proxy_authorization + "\r\n";
  sent_ = 0;
  in_.clear();
  state_ = State::asking;
}

void Connection::shake() {
  in_.clear();
  socket_->start_client(way_.context.get(), host_);
  state_ = State::shaking;
}

void Connection::open() {
  if (way_.http2 != socket_->speaks_http2()) die("the other side chose another version of HTTP");
  const Identity who{way_.authority(host_), way_.token};
  wire_ = way_.http2 ? http2_client(who, *this) : http1_client(who, *this);
  state_ = State::open;
  owner_.on_open(*this);
}

void Connection::on_answer(unsigned status, std::uint64_t asked) {
  if (status != 200) die("the answer's status is " + std::to_string(status));
  owner_.on_answer(*this, asked);
}

}  // namespace standin::bench
