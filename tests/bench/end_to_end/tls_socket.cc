#include "tests/bench/end_to_end/tls_socket.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include <openssl/err.h>

namespace standin::bench {

void die(const std::string& why) {
  std::cerr << "bench: error: " << why << "\n";
  std::exit(1);
}

TlsSocket::TlsSocket(int epoll, int owned_socket, void* tag) : socket_(owned_socket) {
  const int on = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = tag;
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, socket_, &event) != 0) die("cannot watch a socket");
}

TlsSocket::~TlsSocket() {
  SSL_free(tls_);
  ::close(socket_);
}

int TlsSocket::connecting(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) die(std::string("cannot make a socket: ") + std::strerror(errno));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 && errno != EINPROGRESS)
    die(std::string("cannot connect: ") + std::strerror(errno));
  return fd;
}

Step TlsSocket::connected() const {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(socket_, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return Step::failed;
  if (info.tcpi_state == TCP_ESTABLISHED) return Step::done;
  return info.tcpi_state == TCP_SYN_SENT ? Step::again : Step::failed;
}

void TlsSocket::start_server(SSL_CTX* context) {
  tls_ = SSL_new(context);
  SSL_set_fd(tls_, socket_);
  SSL_set_accept_state(tls_);
}

void TlsSocket::start_client(SSL_CTX* context, const std::string& host) {
  tls_ = SSL_new(context);
  SSL_set_fd(tls_, socket_);
  SSL_set_tlsext_host_name(tls_, host.c_str());
  SSL_set1_host(tls_, host.c_str());
  SSL_set_connect_state(tls_);
}

Step TlsSocket::outcome(int result) const {
  switch (SSL_get_error(tls_, result)) {
    case SSL_ERROR_NONE:
      return Step::done;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return Step::again;
    case SSL_ERROR_ZERO_RETURN:
      return Step::closed;
    default:
      return Step::failed;
  }
}

Step TlsSocket::handshake() {
  ERR_clear_error();
  return outcome(SSL_do_handshake(tls_));
}

bool TlsSocket::speaks_http2() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(tls_, &name, &size);
  return std::string_view(reinterpret_cast<const char*>(name), size) == "h2";
}

Step TlsSocket::read(std::string& into) {
  std::array<char, 16384> piece;
  std::size_t size = 0;
  if (tls_ != nullptr) {
    ERR_clear_error();
    const int result = SSL_read_ex(tls_, piece.data(), piece.size(), &size);
    if (result != 1) return outcome(result);
  } else {
    const ssize_t got = ::recv(socket_, piece.data(), piece.size(), 0);
    if (got == 0) return Step::closed;
    if (got < 0) return errno == EAGAIN ? Step::again : Step::failed;
    size = static_cast<std::size_t>(got);
  }
  into.append(piece.data(), size);
  return Step::done;
}

Step TlsSocket::write(std::string_view bytes, std::size_t& offset) {
  while (offset < bytes.size()) {
    const std::string_view rest = bytes.substr(offset);
    std::size_t written = 0;
    if (tls_ != nullptr) {
      ERR_clear_error();
      const int result = SSL_write_ex(tls_, rest.data(), rest.size(), &written);
      if (result != 1) return outcome(result);
    } else {
      const ssize_t sent = ::send(socket_, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN ? Step::again : Step::failed;
      written = static_cast<std::size_t>(sent);
    }
    offset += written;
  }
  return Step::done;
}

namespace {

constexpr unsigned char http2_alone[] = {2, 'h', '2'};
constexpr unsigned char both_versions[] = "\x02h2\x08http/1.1";  // the answer points into it

int choose_version(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* offered,
                   unsigned offered_size, void*) {
  const int found = SSL_select_next_proto(const_cast<unsigned char**>(out), size, both_versions,
                                          sizeof both_versions - 1, offered, offered_size);
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

}  // namespace

Context server_context(const std::string& certificate_file, const std::string& key_file) {
  Context context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_file.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1)
    die("cannot use " + certificate_file);
  SSL_CTX_set_session_id_context(context.get(), reinterpret_cast<const unsigned char*>("bench"), 5);
  SSL_CTX_set_alpn_select_cb(context.get(), choose_version, nullptr);
  return context;
}

Context client_context(const std::string& roots_file, bool http2) {
  Context context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (SSL_CTX_load_verify_file(context.get(), roots_file.c_str()) != 1) die("no roots in " + roots_file);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);  // each new connection is a whole one
  if (http2) SSL_CTX_set_alpn_protos(context.get(), http2_alone, sizeof http2_alone);
  return context;
}

std::uint64_t now() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

}  // namespace standin::bench
