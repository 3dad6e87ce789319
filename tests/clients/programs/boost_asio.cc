// A non-blocking client: async_connect on Asio's own reactor, TLS above it.
#include <cstdlib>
#include <iostream>
#include <string>

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>

namespace asio = boost::asio;
using asio::use_awaitable;

static asio::awaitable<void> get(std::string host, std::string path) {
  asio::ssl::context context(asio::ssl::context::tls_client);
  context.set_default_verify_paths();
  context.set_verify_mode(asio::ssl::verify_peer);
  auto executor = co_await asio::this_coro::executor;
  asio::ssl::stream<asio::ip::tcp::socket> stream(executor, context);
  stream.set_verify_callback(asio::ssl::host_name_verification(host));
  SSL_set_tlsext_host_name(stream.native_handle(), host.c_str());
  asio::ip::tcp::resolver resolver(executor);
  const auto addresses = co_await resolver.async_resolve(host, "443", use_awaitable);
  co_await asio::async_connect(stream.next_layer(), addresses, use_awaitable);
  co_await stream.async_handshake(asio::ssl::stream_base::client, use_awaitable);
  const std::string request = "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nAuthorization: Bearer " +
                              std::getenv("GITHUB_TOKEN") + "\r\nConnection: close\r\n\r\n";
  co_await asio::async_write(stream, asio::buffer(request), use_awaitable);
  std::string response;
  boost::system::error_code ended;
  co_await asio::async_read(stream, asio::dynamic_buffer(response),
                            asio::redirect_error(use_awaitable, ended));
  if (!response.starts_with("HTTP/1.1 200 ")) throw std::runtime_error(response);
  std::cout << response << std::endl;
}

int main(int, char** arguments) {
  const std::string url = std::string(arguments[1]).substr(std::string("https://").size());
  const auto slash = url.find('/');
  asio::io_context context;
  asio::co_spawn(context, get(url.substr(0, slash), url.substr(slash)), [](std::exception_ptr failed) {
    if (failed) std::rethrow_exception(failed);
  });
  context.run();
}
