#include "cli/demo_child.h"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <nlohmann/json.hpp>
#include <sodium.h>

namespace standin::cli {

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  if (!value) throw std::runtime_error(std::string(name) + " is not set");
  return value;
}

std::string whole_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The parts of "http://user:password@host:port".
struct ProxyUrl {
  std::string userinfo, host, port;

  explicit ProxyUrl(const std::string& url) {
    const auto begin = url.find("://") + 3;
    const auto at = url.find('@', begin);
    const auto colon = url.rfind(':');
    if (begin < 3 || at == url.npos || colon < at) throw std::runtime_error("HTTPS_PROXY is no proxy's URL");
    userinfo = url.substr(begin, at - begin);
    host = url.substr(at + 1, colon - at - 1);
    port = url.substr(colon + 1);
  }
};

std::string basic(const std::string& userinfo) {
  constexpr int variant = sodium_base64_VARIANT_ORIGINAL;
  std::string encoded(sodium_base64_encoded_len(userinfo.size(), variant), '\0');
  sodium_bin2base64(encoded.data(), encoded.size(), reinterpret_cast<const unsigned char*>(userinfo.data()),
                    userinfo.size(), variant);
  encoded.pop_back();  // the NUL it ends with
  return "Basic " + encoded;
}

void connect_through(tcp::socket& socket, const ProxyUrl& proxy, const std::string& authority) {
  http::request<http::empty_body> request(http::verb::connect, authority, 11);
  request.set(http::field::host, authority);
  request.set(http::field::proxy_authorization, basic(proxy.userinfo));
  http::write(socket, request);
  boost::beast::flat_buffer buffer;
  http::response_parser<http::empty_body> answer;
  answer.skip(true);
  http::read_header(socket, buffer, answer);
  if (answer.get().result() != http::status::ok) throw std::runtime_error("CONNECT was refused");
}

nlohmann::json send_token(const ProxyUrl& proxy, asio::ssl::context& tls, const std::string& authority,
                          const std::string& token) {
  asio::io_context io;
  tcp::socket socket(io);
  asio::connect(socket, tcp::resolver(io).resolve(proxy.host, proxy.port));
  connect_through(socket, proxy, authority);
  asio::ssl::stream<tcp::socket> stream(std::move(socket), tls);
  const std::string host = authority.substr(0, authority.find(':'));
  stream.set_verify_mode(asio::ssl::verify_peer);
  stream.set_verify_callback(asio::ssl::host_name_verification(host));
  SSL_set_tlsext_host_name(stream.native_handle(), host.c_str());
  stream.handshake(asio::ssl::stream_base::client);

  http::request<http::empty_body> request(http::verb::get, "/user", 11);
  request.set(http::field::host, authority);
  request.set(http::field::authorization, "Bearer " + token);
  request.set(http::field::connection, "close");
  http::write(stream, request);
  boost::beast::flat_buffer buffer;
  http::response<http::string_body> response;
  http::read(stream, buffer, response);
  const auto code = response["Standin-Error"];
  return {{"status", response.result_int()},
          {"error", std::string(code.data(), code.size())},
          {"body", response.body()}};
}

}  // namespace

int demo_child(std::span<const std::string> authorities) {
  const std::string token = variable("DEMO_TOKEN");
  const ProxyUrl proxy(variable("HTTPS_PROXY"));
  asio::ssl::context tls(asio::ssl::context::tls_client);
  tls.load_verify_file(variable("SSL_CERT_FILE"));
  nlohmann::json story = {{"token", token}, {"answers", nlohmann::json::array()}};
  // What anybody who reads this process could find in it.
  story["given"] = whole_file("/proc/self/environ") + whole_file("/proc/self/cmdline");
  for (const auto& authority : authorities)
    story["answers"].push_back(send_token(proxy, tls, authority, token));
  std::cout << story.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << std::flush;
  return demo_child_status;
}

}  // namespace standin::cli
