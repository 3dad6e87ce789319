#include "tests/stream.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace standin::test {
namespace {

// OpenSSL's own socket BIO writes with write(2): a peer that went away would kill the test by SIGPIPE, and
// ignoring the signal would be inherited by the children that tests start.
int bio_write(BIO* bio, const char* data, std::size_t size, std::size_t* written) {
  const ssize_t n = ::send(*static_cast<int*>(BIO_get_data(bio)), data, size, MSG_NOSIGNAL);
  *written = n > 0 ? static_cast<std::size_t>(n) : 0;
  return n > 0 ? 1 : 0;
}

int bio_read(BIO* bio, char* data, std::size_t size, std::size_t* read) {
  const ssize_t n = ::recv(*static_cast<int*>(BIO_get_data(bio)), data, size, 0);
  *read = n > 0 ? static_cast<std::size_t>(n) : 0;
  if (n == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return n > 0 ? 1 : 0;
}

long bio_ctrl(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO* socket_bio(int* socket) {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "test socket");
    BIO_meth_set_write_ex(made, bio_write);
    BIO_meth_set_read_ex(made, bio_read);
    BIO_meth_set_ctrl(made, bio_ctrl);
    return made;
  }();
  BIO* bio = BIO_new(method);
  BIO_set_data(bio, socket);
  BIO_set_init(bio, 1);
  return bio;
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int new_socket() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw StreamError(std::string("cannot make a socket: ") + std::strerror(errno));
  return fd;
}

}  // namespace

Stream::Stream(int owned_socket) : socket_(owned_socket) {
  const timeval patience{30, 0};
  const int on = 1;
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Stream::~Stream() {
  SSL_free(tls_);
  if (socket_ >= 0) ::close(socket_);
}

int Stream::connect_loopback(std::uint16_t port) {
  const int fd = new_socket();
  const sockaddr_in address = loopback(port);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const std::string reason = std::strerror(errno);
    ::close(fd);
    throw StreamError("cannot connect to 127.0.0.1:" + std::to_string(port) + ": " + reason);
  }
  return fd;
}

int Stream::listen_loopback(std::uint16_t& port) { return listen("127.0.0.1", port); }

int Stream::listen(const std::string& on_address, std::uint16_t& port) {
  const int fd = new_socket();
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address = loopback(port);
  ::inet_pton(AF_INET, on_address.c_str(), &address.sin_addr);
  socklen_t size = sizeof address;
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) != 0 || ::listen(fd, 1024) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    const std::string reason = std::strerror(errno);
    ::close(fd);
    throw StreamError("cannot listen on " + on_address + ":" + std::to_string(port) + ": " + reason);
  }
  port = ntohs(address.sin_port);
  return fd;
}

void Stream::fail(const char* what) {
  const int error = errno;
  std::string reason = error != 0 ? std::strerror(error) : "the peer closed";
  if (error == EAGAIN) reason = "nothing happened for 30 seconds";
  if (const unsigned long code = ERR_peek_error(); code != 0 && ERR_reason_error_string(code) != nullptr)
    reason = ERR_reason_error_string(code);
  if (tls_ != nullptr && SSL_get_verify_result(tls_) != X509_V_OK)
    reason = X509_verify_cert_error_string(SSL_get_verify_result(tls_));
  ERR_clear_error();
  throw StreamError(std::string("cannot ") + what + ": " + reason);
}

void Stream::begin_tls(SSL_CTX* context, void* app_data) {
  tls_ = SSL_new(context);
  SSL_set_app_data(tls_, app_data);
  BIO* bio = socket_bio(&socket_);
  SSL_set_bio(tls_, bio, bio);
  ERR_clear_error();
  errno = 0;
}

void Stream::accept_tls(SSL_CTX* context, void* app_data) {
  begin_tls(context, app_data);
  if (SSL_accept(tls_) != 1) fail("accept TLS");
}

void Stream::connect_tls(SSL_CTX* context, const std::string& host, SSL_SESSION* resume, void* app_data) {
  begin_tls(context, app_data);
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls_), host.c_str()) != 1) {
    SSL_set_tlsext_host_name(tls_, host.c_str());
    SSL_set1_host(tls_, host.c_str());
  }
  ERR_clear_error();
  if (resume != nullptr) SSL_set_session(tls_, resume);
  if (SSL_connect(tls_) != 1) fail("connect TLS");
}

std::size_t Stream::receive(char* data, std::size_t size) {
  errno = 0;
  if (tls_ == nullptr) {
    const ssize_t n = ::recv(socket_, data, size, 0);
    if (n < 0) fail("read");
    return static_cast<std::size_t>(n);
  }
  std::size_t got = 0;
  if (SSL_read_ex(tls_, data, size, &got) == 1) return got;
  const int error = SSL_get_error(tls_, 0);
  if (error == SSL_ERROR_ZERO_RETURN) return 0;
  if (errno == 0) {  // FIN without close_notify
    truncated_ = true;
    ERR_clear_error();
    return 0;
  }
  fail("read");
}

bool Stream::fill(std::size_t at_most) {
  std::array<char, 65536> piece;
  const std::size_t got = receive(piece.data(), std::min(at_most, piece.size()));
  buffer_.append(piece.data(), got);
  return got != 0;
}

std::string Stream::read_some(std::size_t at_most) {
  if (buffer_.empty()) fill(at_most);
  std::string result = buffer_.substr(0, at_most);
  buffer_.erase(0, result.size());
  return result;
}

std::string Stream::read_exactly(std::size_t size) {
  std::string result;
  while (result.size() < size) {
    const std::string piece = read_some(size - result.size());
    if (piece.empty())
      throw StreamError("the peer closed after " + std::to_string(result.size()) + " of " +
                        std::to_string(size) + " bytes");
    result += piece;
  }
  return result;
}

std::string Stream::read_until(std::string_view delimiter, std::size_t at_most) {
  std::size_t found = buffer_.find(delimiter);
  while (found == std::string::npos && buffer_.size() < at_most) {
    const std::size_t from = buffer_.size() < delimiter.size() ? 0 : buffer_.size() - delimiter.size();
    if (!fill(65536)) break;
    found = buffer_.find(delimiter, from);
  }
  const std::size_t size = found == std::string::npos ? buffer_.size() : found + delimiter.size();
  std::string result = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return result;
}

void Stream::write(std::string_view bytes) {
  while (!bytes.empty()) {
    errno = 0;
    std::size_t written = 0;
    if (tls_ != nullptr) {
      if (SSL_write_ex(tls_, bytes.data(), bytes.size(), &written) != 1) fail("write");
    } else {
      const ssize_t n = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) fail("write");
      written = static_cast<std::size_t>(n);
    }
    bytes.remove_prefix(written);
  }
}

void Stream::half_close() {
  if (tls_ != nullptr) SSL_shutdown(tls_);
  fin();
}

void Stream::fin() { ::shutdown(socket_, SHUT_WR); }

void Stream::reset() {
  const linger now{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ::close(socket_);
  socket_ = -1;
}

void Stream::drain() noexcept {
  std::array<char, 65536> piece;
  buffer_.clear();
  while (socket_ >= 0 && ::recv(socket_, piece.data(), piece.size(), 0) > 0) {
  }
}

void Stream::stop() noexcept { ::shutdown(socket_, SHUT_RDWR); }

}  // namespace standin::test
