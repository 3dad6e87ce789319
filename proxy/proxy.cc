#include "proxy/proxy.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <list>
#include <memory>
#include <optional>
#include <thread>
#include <unordered_set>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <openssl/rand.h>

#include "proxy/captured.h"
#include "proxy/client_hello.h"
#include "proxy/connection.h"
#include "proxy/listener.h"

namespace standin::proxy {

namespace {

constexpr std::chrono::seconds look_every{1};
constexpr std::chrono::milliseconds pause_when_full{50};
/// Strangers cost no place, so a flood of them would never let the thread do anything else.
constexpr unsigned most_accepted_in_a_row = 64;
constexpr std::chrono::seconds farewell{2};  // for connections to end once they were aborted

/// 128 random bits, as hex: any client's URL parser takes them as they are.
std::string random_password() {
  std::array<unsigned char, 16> bytes{};
  if (RAND_priv_bytes(bytes.data(), bytes.size()) != 1) throw_openssl_error("make the proxy's password");
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::string basic(std::string_view user_and_password) {
  std::string encoded(4 * ((user_and_password.size() + 2) / 3) + 1, '\0');
  const int n = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                                reinterpret_cast<const unsigned char*>(user_and_password.data()),
                                static_cast<int>(user_and_password.size()));
  encoded.resize(static_cast<std::size_t>(n));
  return "Basic " + encoded;
}

}  // namespace

struct Proxy::Impl {
  Impl(ProxyOptions o, Interceptor& i)
      : options(std::move(o)),
        interceptor(i),
        turn_end(i, io),
        authority(options.bound),
        server_tls(authority),
        upstream(io.get_executor(), options, interceptor),
        boundary{interceptor,
                 turn_end,
                 upstream,
                 server_tls,
                 options.limits,
                 options.bound,
                 basic("standin:" + password)},
        look_timer(io.get_executor()) {
    port = listen("127.0.0.1", Door::own);
    if (options.captured == CapturedDoor::open) open_captured_door();
  }

  /// What a listener's connections are: those of clients that know the proxy, or redirected ones.
  enum class Door : std::uint8_t { own, captured };
  struct Listening {
    Listener listener;
    Door door;
  };

  std::uint16_t listen(const char* address, Door door);
  void open_captured_door();
  Task<void> accept_connections(Listening& at);
  int welcome(Listener::Accepted accepted, Door door) noexcept;
  Task<void> serve(Socket socket, std::optional<Endpoint> wanted);
  Task<void> look_after();

  ProxyOptions options;
  Interceptor& interceptor;
  const std::string password = random_password();
  std::unordered_set<Client*> clients;  // before io: frames that are destroyed with it take themselves out
  std::optional<ClientHelloContext> client_hello;
  std::optional<Redirection> redirection;
  TurnEnd turn_end;  // for those frames, too
  asio::io_context io{1};
  CertificateAuthority authority;
  ServerTls server_tls;
  Upstream upstream;
  Boundary boundary;
  std::list<Listening> listening;
  std::uint16_t port = 0;
  Timer look_timer;
  bool looking = false;
  bool stopping = false;
  std::thread thread;
};

std::uint16_t Proxy::Impl::listen(const char* address, Door door) {
  auto listener = Listener::open(io.get_executor(), *IpAddress::parse(address));
  if (!listener) return 0;
  return listening.emplace_back(std::move(*listener), door).listener.port();
}

void Proxy::Impl::open_captured_door() {
  boundary.client_hello = &client_hello.emplace();
  const std::uint16_t port_v4 = listen("127.0.0.1", Door::captured);
  redirection.emplace(port_v4, listen("::1", Door::captured));
}

Task<void> Proxy::Impl::accept_connections(Listening& at) {
  Timer pause(io.get_executor());
  unsigned in_a_row = 0;
  while (!stopping) {
    int error = EMFILE;  // as if: no place is free
    if (clients.size() < options.limits.max_connections) {
      const Listener::Accepted accepted = at.listener.accept();
      error = accepted.descriptor < 0 ? accepted.error : welcome(accepted, at.door);
    }
    const bool may_be_more = error == 0 || error == EINTR || error == ECONNABORTED;
    if (may_be_more && ++in_a_row < most_accepted_in_a_row) continue;
    in_a_row = 0;
    if (may_be_more || error == EAGAIN || error == EWOULDBLOCK) {
      if (!co_await at.listener.wait()) co_return;
    } else {
      // Full, or out of descriptors: the backlog keeps them until others have ended.
      pause.expires_after(pause_when_full);
      co_await pause.async_wait(as_value);
    }
  }
}

int Proxy::Impl::welcome(Listener::Accepted accepted, Door door) noexcept {
  std::optional<Endpoint> wanted;
  if (door == Door::captured) {
    wanted = accepted.peer ? redirection->take(*accepted.peer) : std::nullopt;
    if (!wanted) {
      close_with_reset(accepted.descriptor);  // whoever else is on this machine
      return 0;
    }
  }
  try {
    Socket socket(io.get_executor());
    boost::system::error_code error;
    socket.assign(asio::ip::tcp::v4(), accepted.descriptor, error);
    if (error) {
      ::close(accepted.descriptor);
      return error.value();
    }
    asio::co_spawn(io.get_executor(), serve(std::move(socket), wanted), asio::detached);
    return 0;
  } catch (const std::exception&) {
    return ENOMEM;
  }
}

Task<void> Proxy::Impl::serve(Socket socket, std::optional<Endpoint> wanted) {
  struct Registered {
    std::unordered_set<Client*>& all;
    Client* client;
    ~Registered() { all.erase(client); }
  };
  try {
    Client client(std::move(socket));
    const Registered registered{clients, &client};
    clients.insert(&client);
    if (stopping) co_return;
    if (!looking) {
      looking = true;
      asio::co_spawn(io.get_executor(), look_after(), asio::detached);
    }
    if (wanted)
      co_await serve_captured(client, *wanted, boundary);
    else
      co_await serve_connection(client, boundary);
  } catch (const std::exception&) {
    // Out of memory, in the middle of one conversation: that one ends, the others go on.
  }
  if (stopping && clients.empty()) io.stop();
}

/// Once a second while there is anybody to look after: no timer wakes an idle run.
Task<void> Proxy::Impl::look_after() {
  while (!stopping && (!clients.empty() || upstream.has_idle())) {
    look_timer.expires_after(look_every);
    co_await look_timer.async_wait(as_value);
    const auto now = Clock::now();
    for (Client* client : clients) client->watch.look(now);
    upstream.sweep(now);
  }
  looking = false;
}

Proxy::Proxy(ProxyOptions options, Interceptor& interceptor)
    : impl_(std::make_unique<Impl>(std::move(options), interceptor)) {}

Proxy::~Proxy() { stop(); }

std::uint16_t Proxy::port() const noexcept { return impl_->port; }

std::string Proxy::url() const {
  return "http://standin:" + impl_->password + "@127.0.0.1:" + std::to_string(impl_->port);
}

const std::string& Proxy::authority_pem() const noexcept { return impl_->authority.pem(); }

Redirection* Proxy::redirection() noexcept { return impl_->redirection ? &*impl_->redirection : nullptr; }

void Proxy::start() {
  for (Impl::Listening& at : impl_->listening)
    asio::co_spawn(impl_->io.get_executor(), impl_->accept_connections(at), asio::detached);
  // Signals are the main thread's; and OpenSSL writes without MSG_NOSIGNAL, so that a client which hangs up
  // would otherwise end the process with SIGPIPE.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  impl_->thread = std::thread([impl = impl_.get()] { impl->io.run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Proxy::stop() noexcept {
  if (!impl_->thread.joinable()) return;
  asio::post(impl_->io, [impl = impl_.get()] {
    impl->stopping = true;
    for (Impl::Listening& at : impl->listening) at.listener.close();
    impl->look_timer.cancel();
    impl->upstream.stop();
    for (Client* client : impl->clients) client->watch.end();
    // What does not end by itself is destroyed with the context, and says so to its exchange.
    auto patience = std::make_shared<Timer>(impl->io.get_executor(), farewell);
    patience->async_wait([impl, patience](auto) { impl->io.stop(); });
    if (impl->clients.empty()) impl->io.stop();
  });
  impl_->thread.join();
}

}  // namespace standin::proxy
