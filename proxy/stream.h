#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/asio.h"
#include "proxy/openssl_handles.h"

namespace standin::proxy {

/// How one read or write went.
struct Io {
  enum class End : std::uint8_t {
    ok,          // `count` bytes moved
    want_read,   // nothing moved: wait for the descriptor to be readable, then call again
    want_write,  // ... writable
    eof,         // the peer said that it is done (FIN, or close_notify under TLS)
    cut,         // it ended without saying so: reset, truncated TLS, a protocol error
  };
  End end = End::cut;
  std::size_t count = 0;

  [[nodiscard]] bool ok() const noexcept { return end == End::ok; }
  [[nodiscard]] bool must_wait() const noexcept { return end == End::want_read || end == End::want_write; }
};

/// A TCP connection, plain or under TLS.
///
/// OpenSSL is driven on the descriptor: asio::ssl::stream would hold two 17 KB buffers and a BIO pair for
/// each connection, which is what an idle tunnel then costs. At most one coroutine reads and one writes.
class Stream {
 public:
  /// Takes an open socket, and makes it non-blocking and TCP_NODELAY.
  explicit Stream(Socket socket);

  /// From here on everything goes through `ssl`, which is in its accept or connect state. `early` was read
  /// from the socket before, and comes first.
  void start_tls(OwnedSsl ssl, std::string_view early = {});
  [[nodiscard]] bool is_tls() const noexcept { return ssl_ != nullptr; }
  [[nodiscard]] SSL* ssl() const noexcept { return ssl_.get(); }

  [[nodiscard]] Io try_read(std::span<char> into) noexcept;
  /// As much as there is without waiting: several records of TLS, where they came together.
  [[nodiscard]] Io try_read_all(std::span<char> into) noexcept;
  [[nodiscard]] Io try_write(std::string_view from) noexcept;
  /// Of a plain connection: into a pipe that is empty, up to `most` bytes, without copying them (splice(2)).
  [[nodiscard]] Io try_read_into(int pipe, std::size_t most) noexcept;
  /// ... and out of one that holds `count`.
  [[nodiscard]] Io try_write_from(int pipe, std::size_t count) noexcept;
  /// Until it may be tried again. False: the connection was aborted.
  Task<bool> wait(Io::End direction);

  /// The first byte that waits to be read on a plain connection, left where it is; nullopt at its end.
  Task<std::optional<unsigned char>> peek();

  /// At least one byte, or the end.
  Task<Io> read_some(std::span<char> into);
  /// All of it; false where the connection ended first.
  Task<bool> write_all(std::string_view from);

  /// False where it failed; the reason is in OpenSSL's error queue and the verify result.
  Task<bool> handshake();

  /// Tells the peer that nothing more comes: close_notify, FIN. Waits while the peer reads what came before:
  /// a close_notify that found no room would make a whole body look cut.
  Task<void> finish_writing();
  /// Wakes whoever waits on it; every later call ends with `cut`. The peer gets what was written, and no
  /// close_notify.
  void abort() noexcept;
  /// As abort(), for where a FIN alone would say that all is well: a plain peer sees a reset.
  void reset() noexcept;
  [[nodiscard]] bool is_aborted() const noexcept { return aborted_; }
  /// The peer closed its side, or the connection broke, whatever bytes still wait to be read.
  [[nodiscard]] bool peer_is_gone() const noexcept;
  /// Open, and nothing came but TLS's own messages (session tickets): fit to carry another request.
  [[nodiscard]] bool is_quiet() noexcept;

  [[nodiscard]] Socket& socket() noexcept { return socket_; }
  [[nodiscard]] int descriptor() noexcept { return socket_.native_handle(); }

 private:
  Io read_now(std::span<char> into) noexcept;
  [[nodiscard]] Io outcome(ssize_t result, Io::End would_block) const noexcept;
  Io tls_result(int result) noexcept;
  template <class F>
  Io tls_call(F call) noexcept;

  Socket socket_;
  OwnedSsl ssl_;
  unsigned reads_in_a_row_ = 0;  // without having waited in between
  bool must_yield_ = false;      // the next wait() is for the others' sake
  bool reads_early_ = false;     // OpenSSL still reads the bytes start_tls() was given
  bool finished_ = false;
  bool aborted_ = false;
};

}  // namespace standin::proxy
