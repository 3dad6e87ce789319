#include "tests/test_client.h"

#include <algorithm>

#include <openssl/pem.h>
#include <openssl/ssl.h>

namespace standin::test {
namespace {

std::shared_ptr<SSL_CTX> client_context(const std::string& roots_pem) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> bio(
      BIO_new_mem_buf(roots_pem.data(), static_cast<int>(roots_pem.size())), BIO_free_all);
  while (X509* root = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), root);
    X509_free(root);
  }
  return context;
}

/// Where a client keeps its session: TLS 1.3 tickets come after the handshake.
int keep_session(SSL* ssl, SSL_SESSION* session) {
  static_cast<std::shared_ptr<SSL_SESSION>*>(SSL_get_app_data(ssl))->reset(session, SSL_SESSION_free);
  return 1;
}

}  // namespace

TestClient::TestClient(std::uint16_t port) : stream_(Stream::connect_loopback(port)) {}
TestClient::TestClient(Adopted connected) : stream_(connected.socket) {}
TestClient::~TestClient() = default;

Response TestClient::connect(std::string_view authority, std::string_view userinfo) {
  std::string text =
      "CONNECT " + std::string(authority) + " HTTP/1.1\r\nHost: " + std::string(authority) + "\r\n";
  if (!userinfo.empty()) text += "Proxy-Authorization: " + basic(userinfo) + "\r\n";
  send(text + "\r\n");
  return read_response("CONNECT");
}

void TestClient::handshake(const std::string& host, const std::string& roots_pem, std::string_view alpn,
                           SSL_SESSION* resume) {
  context_ = client_context(roots_pem);
  SSL_CTX_sess_set_new_cb(context_.get(), keep_session);
  if (!alpn.empty())
    SSL_CTX_set_alpn_protos(context_.get(), reinterpret_cast<const unsigned char*>(alpn.data()),
                            static_cast<unsigned>(alpn.size()));
  stream_.connect_tls(context_.get(), host, resume, &session_);
}

void TestClient::start_tls(const std::string& host, const std::string& roots_pem, std::string_view alpn) {
  handshake(host, roots_pem, alpn, nullptr);
}

void TestClient::start_tls_resuming(const std::string& host, const std::string& roots_pem,
                                    const TestClient& earlier) {
  handshake(host, roots_pem, {}, earlier.session_.get());
}

bool TestClient::resumed() const { return SSL_session_reused(stream_.tls()) == 1; }

std::string TestClient::chosen_alpn() const {
  const unsigned char* data = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(stream_.tls(), &data, &size);
  return {reinterpret_cast<const char*>(data), size};
}

void TestClient::send_cut(std::string_view bytes, std::size_t cut) {
  while (!bytes.empty()) {
    send(bytes.substr(0, cut));
    bytes.remove_prefix(std::min(cut, bytes.size()));
  }
}

void TestClient::send_pattern(std::uint64_t size) {
  generate_pattern(size, [this](std::string_view piece) { send(piece); });
}

Head TestClient::read_head() {
  auto head = test::read_head(stream_);
  if (!head) throw StreamError("the peer closed instead of answering");
  return *std::move(head);
}

Response TestClient::read_response(std::string_view method) {
  Response response;
  while (true) {
    response.head = read_head();
    response.status = static_cast<unsigned>(std::stoul(response.head.second));
    if (response.status >= 200 || response.status == 101) break;
    response.informational.push_back(std::move(response.head));
  }
  response.body = read_body(stream_, framing_of_response(response.head.fields, response.status, method),
                            response.head.fields);
  return response;
}

Response TestClient::request(std::string_view method, std::string_view target, std::string_view host,
                             const Fields& fields, std::string_view body) {
  std::string text = std::string(method) + " " + std::string(target) +
                     " HTTP/1.1\r\nHost: " + std::string(host) + "\r\n" + to_text(fields);
  if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  send(text + "\r\n" + std::string(body));
  return read_response(method);
}

std::string TestClient::read_to_end() {
  std::string all;
  for (std::string piece = read_some(); !piece.empty(); piece = read_some()) all += piece;
  return all;
}

std::string basic(std::string_view userinfo) { return "Basic " + base64(userinfo); }

}  // namespace standin::test
