#include "cli/demo_origin.h"

#include <fcntl.h>

#include <algorithm>
#include <mutex>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "proxy/certificate_authority.h"

namespace standin::cli {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

struct DemoOrigin::State {
  State() : tls(asio::ssl::context::tls_server), listener(io, {asio::ip::address_v4::loopback(), 0}) {}

  void serve();
  void answer(tcp::socket socket);

  asio::io_context io;
  asio::ssl::context tls;
  tcp::acceptor listener;
  std::mutex mutex;
  std::vector<std::string> received;
  bool stopping = false;
  std::thread thread;
};

void DemoOrigin::State::serve() {
  for (;;) {
    boost::system::error_code error;
    tcp::socket socket(io);
    listener.accept(socket, error);
    {
      const std::scoped_lock lock(mutex);
      if (stopping) return;
    }
    if (!error) answer(std::move(socket));
  }
}

/// One connection, one request: the demonstration's child makes no more.
void DemoOrigin::State::answer(tcp::socket socket) {
  boost::system::error_code error;
  asio::ssl::stream<tcp::socket> stream(std::move(socket), tls);
  stream.handshake(asio::ssl::stream_base::server, error);
  if (error) return;  // the boundary dials ahead, and may hang up unused
  boost::beast::flat_buffer buffer;
  http::request<http::empty_body> request;
  http::read(stream, buffer, request, error);
  if (error) return;
  const auto authorization = request[http::field::authorization];
  std::string text(authorization.data(), authorization.size());
  {
    const std::scoped_lock lock(mutex);
    received.push_back(text);
  }
  std::reverse(text.begin(), text.end());
  http::response<http::string_body> response(http::status::ok, request.version(), std::move(text));
  response.keep_alive(false);
  response.prepare_payload();
  http::write(stream, response, error);
  stream.shutdown(error);
}

DemoOrigin::DemoOrigin(proxy::CertificateAuthority& authority) : state_(std::make_unique<State>()) {
  ::fcntl(state_->listener.native_handle(), F_SETFD, FD_CLOEXEC);
  SSL_CTX* context = state_->tls.native_handle();
  if (SSL_CTX_use_certificate(context, authority.leaf("localhost")) != 1 ||
      SSL_CTX_use_PrivateKey(context, authority.leaf_key()) != 1) {
    proxy::throw_openssl_error("set up the demonstration's origin");
  }
  state_->thread = std::thread([state = state_.get()] { state->serve(); });
}

DemoOrigin::~DemoOrigin() {
  {
    const std::scoped_lock lock(state_->mutex);
    state_->stopping = true;
  }
  // Wakes the accept that waits.
  asio::io_context io;
  tcp::socket knock(io);
  boost::system::error_code ignored;
  knock.connect({asio::ip::address_v4::loopback(), port()}, ignored);
  state_->thread.join();
}

std::uint16_t DemoOrigin::port() const noexcept {
  boost::system::error_code ignored;
  return state_->listener.local_endpoint(ignored).port();
}

std::vector<std::string> DemoOrigin::received() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->received;
}

}  // namespace standin::cli
