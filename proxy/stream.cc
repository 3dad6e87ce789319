#include "proxy/stream.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include <boost/asio/post.hpp>

namespace standin::proxy {

namespace {

/// Between a quick origin and a quick client the socket never runs dry, and one download would hold the
/// thread to its end. So now and then a read is put off: about half a megabyte.
constexpr unsigned most_reads_in_a_row = 32;

}  // namespace

Stream::Stream(Socket socket) : socket_(std::move(socket)) {
  boost::system::error_code ignored;
  socket_.native_non_blocking(true, ignored);
  // Without it one side waits 40 ms for the other's delayed acknowledgement.
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

void Stream::start_tls(OwnedSsl ssl, std::string_view early) {
  ssl_ = std::move(ssl);
  SSL_set_fd(ssl_.get(), descriptor());
  if (early.empty()) return;
  OwnedBio memory(BIO_new(BIO_s_mem()));
  std::size_t written = 0;
  if (!memory || BIO_write_ex(memory.get(), early.data(), early.size(), &written) != 1) return abort();
  BIO_set_mem_eof_return(memory.get(), -1);
  SSL_set0_rbio(ssl_.get(), memory.release());
  reads_early_ = true;
}

Io Stream::tls_result(int result) noexcept {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return {Io::End::want_read, 0};
    case SSL_ERROR_WANT_WRITE:
      return {Io::End::want_write, 0};
    case SSL_ERROR_ZERO_RETURN:
      return {Io::End::eof, 0};
    default:
      return {Io::End::cut, 0};
  }
}

template <class F>
Io Stream::tls_call(F call) noexcept {
  if (aborted_) return {Io::End::cut, 0};
  for (;;) {
    // SSL_get_error() wants it empty. It nearly always is, and clearing it costs more than a look.
    if (ERR_peek_error() != 0) ERR_clear_error();
    std::size_t count = 0;
    const int result = call(&count);
    if (result > 0) return {Io::End::ok, count};
    const Io io = tls_result(result);
    if (!reads_early_ || io.end != Io::End::want_read) return io;
    BIO* socket = BIO_new_socket(descriptor(), BIO_NOCLOSE);
    if (!socket) return {Io::End::cut, 0};
    SSL_set0_rbio(ssl_.get(), socket);
    reads_early_ = false;
  }
}

Io Stream::try_read(std::span<char> into) noexcept {
  if (++reads_in_a_row_ > most_reads_in_a_row) {
    must_yield_ = true;
    return {Io::End::want_read, 0};
  }
  return read_now(into);
}

/// What a system call on the socket said.
Io Stream::outcome(ssize_t result, Io::End would_block) const noexcept {
  if (result > 0) return {Io::End::ok, static_cast<std::size_t>(result)};
  if (result == 0) return {would_block == Io::End::want_read ? Io::End::eof : Io::End::ok, 0};
  if (errno == EAGAIN || errno == EINTR) return {would_block, 0};
  return {Io::End::cut, 0};
}

Io Stream::read_now(std::span<char> into) noexcept {
  if (ssl_)
    return tls_call([&](std::size_t* n) { return SSL_read_ex(ssl_.get(), into.data(), into.size(), n); });
  if (aborted_) return {Io::End::cut, 0};
  return outcome(::recv(descriptor(), into.data(), into.size(), 0), Io::End::want_read);
}

Io Stream::try_write(std::string_view from) noexcept {
  if (ssl_)
    return tls_call([&](std::size_t* n) { return SSL_write_ex(ssl_.get(), from.data(), from.size(), n); });
  if (aborted_) return {Io::End::cut, 0};
  return outcome(::send(descriptor(), from.data(), from.size(), MSG_NOSIGNAL), Io::End::want_write);
}

Io Stream::try_read_into(int pipe, std::size_t most) noexcept {
  // It counts as the reads that it saves.
  reads_in_a_row_ += 3;
  if (++reads_in_a_row_ > most_reads_in_a_row) {
    must_yield_ = true;
    return {Io::End::want_read, 0};
  }
  if (aborted_) return {Io::End::cut, 0};
  return outcome(::splice(descriptor(), nullptr, pipe, nullptr, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK),
                 Io::End::want_read);
}

Io Stream::try_write_from(int pipe, std::size_t count) noexcept {
  if (aborted_) return {Io::End::cut, 0};
  return outcome(::splice(pipe, nullptr, descriptor(), nullptr, count, SPLICE_F_MOVE | SPLICE_F_NONBLOCK),
                 Io::End::want_write);
}

Task<std::optional<unsigned char>> Stream::peek() {
  for (;;) {
    unsigned char byte = 0;
    const ssize_t n = ::recv(descriptor(), &byte, 1, MSG_PEEK);
    if (n == 1) co_return byte;
    if (n == 0 || (errno != EAGAIN && errno != EINTR) || !co_await wait(Io::End::want_read))
      co_return std::nullopt;
  }
}

Task<bool> Stream::wait(Io::End direction) {
  if (aborted_) co_return false;
  reads_in_a_row_ = 0;
  if (must_yield_ && direction == Io::End::want_read) {
    must_yield_ = false;
    co_await asio::post(socket_.get_executor(), asio::use_awaitable_t<Executor>{});
    co_return !aborted_;
  }
  const auto what = direction == Io::End::want_write ? Socket::wait_write : Socket::wait_read;
  auto [error] = co_await socket_.async_wait(what, as_value);
  co_return !error && !aborted_;
}

Io Stream::try_read_all(std::span<char> into) noexcept {
  Io all = try_read(into);
  // A record at a time is what OpenSSL gives; those it has already cost no system call.
  while (all.ok() && ssl_ && all.count < into.size() && SSL_has_pending(ssl_.get()) == 1) {
    const Io more = try_read(into.subspan(all.count));
    if (!more.ok()) break;  // it says so again
    all.count += more.count;
  }
  return all;
}

Task<Io> Stream::read_some(std::span<char> into) {
  for (;;) {
    const Io io = try_read_all(into);
    if (!io.must_wait()) co_return io;
    if (!co_await wait(io.end)) co_return Io{};
  }
}

namespace {

/// OpenSSL writes record by record. Meanwhile the kernel waits for full segments, and the peer is woken for
/// each of those, not for each record.
class Cork {
 public:
  Cork(int socket, bool is_of_use) noexcept : socket_(is_of_use ? socket : -1) { set(1); }
  ~Cork() { set(0); }
  Cork(const Cork&) = delete;
  Cork& operator=(const Cork&) = delete;

 private:
  void set(int on) const noexcept {
    if (socket_ >= 0) (void)::setsockopt(socket_, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
  }
  int socket_;
};

}  // namespace

Task<bool> Stream::write_all(std::string_view from) {
  const Cork cork(descriptor(), ssl_ && from.size() > SSL3_RT_MAX_PLAIN_LENGTH);
  while (!from.empty()) {
    const Io io = try_write(from);
    if (io.ok()) {
      from.remove_prefix(io.count);
    } else if (!io.must_wait() || !co_await wait(io.end)) {
      co_return false;
    }
  }
  co_return true;
}

Task<bool> Stream::handshake() {
  for (;;) {
    const Io io = tls_call([&](std::size_t*) { return SSL_do_handshake(ssl_.get()); });
    if (io.ok()) co_return true;
    if (!io.must_wait() || !co_await wait(io.end)) co_return false;
  }
}

Task<void> Stream::finish_writing() {
  if (aborted_ || finished_) co_return;
  finished_ = true;
  while (ssl_ && SSL_is_init_finished(ssl_.get())) {
    ERR_clear_error();
    const int result = SSL_shutdown(ssl_.get());
    if (result >= 0 || SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_WRITE) break;
    if (!co_await wait(Io::End::want_write)) co_return;
  }
  ::shutdown(descriptor(), SHUT_WR);
}

void Stream::abort() noexcept {
  aborted_ = true;
  // Not close(): the descriptor's number must not be reused while a coroutine still holds this object.
  ::shutdown(descriptor(), SHUT_RDWR);
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void Stream::reset() noexcept {
  if (ssl_) return abort();  // there the missing close_notify says it
  aborted_ = true;
  const linger at_once{1, 0};
  ::setsockopt(descriptor(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);  // close() will send RST
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

bool Stream::peer_is_gone() const noexcept {
  pollfd p{const_cast<Socket&>(socket_).native_handle(), POLLRDHUP, 0};
  return ::poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

bool Stream::is_quiet() noexcept {
  if (aborted_) return false;
  pollfd p{descriptor(), POLLIN | POLLRDHUP, 0};
  const bool pending = ssl_ && SSL_has_pending(ssl_.get());
  if (!pending && ::poll(&p, 1, 0) == 0) return true;
  char byte = 0;
  return read_now({&byte, 1}).end == Io::End::want_read;
}

}  // namespace standin::proxy
