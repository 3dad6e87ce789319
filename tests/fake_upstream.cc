#include "tests/fake_upstream.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include <openssl/ssl.h>

namespace standin::test {
namespace {

constexpr auto longest_wait = std::chrono::seconds(30);

struct Route {
  enum class Moment : std::uint8_t { whole_request, head } moment = Moment::whole_request;
  Handler handler = [](const Received&) { return Reply::body(200, "ok"); };
  Continue expectation = Continue::send;
};

/// Chooses the origin's one protocol where the client offers it.
int choose_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                unsigned in_size, void* wanted) {
  auto* offer = static_cast<std::string*>(SSL_get_app_data(ssl));
  if (offer != nullptr) offer->assign(reinterpret_cast<const char*>(in), in_size);
  const auto& name = *static_cast<const std::string*>(wanted);
  for (unsigned at = 0; at < in_size && at + 1 + in[at] <= in_size; at += 1U + in[at]) {
    if (std::string_view(reinterpret_cast<const char*>(in + at + 1), in[at]) != name) continue;
    *out = in + at + 1;
    *out_size = in[at];
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_NOACK;
}

std::shared_ptr<SSL_CTX> server_context(const FakeUpstream::Options& options, std::string& alpn) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (SSL_CTX_use_certificate(context.get(), options.certificate->certificate.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context.get(), options.certificate->key.get()) != 1)
    throw std::runtime_error("cannot use a test certificate");
  SSL_CTX_set_max_proto_version(context.get(), options.max_tls_version);
  SSL_CTX_set_session_id_context(context.get(), reinterpret_cast<const unsigned char*>("test"), 4);
  SSL_CTX_set_alpn_select_cb(context.get(), choose_alpn, &alpn);
  return context;
}

}  // namespace

struct FakeUpstream::State {
  explicit State(Options chosen) : options(std::move(chosen)), port(options.port) {
    if (options.certificate) context = server_context(options, options.alpn);
    listener = Stream::listen(options.address, port);
    acceptor = std::jthread([this](std::stop_token stop) { accept_all(stop); });
  }

  ~State() {
    acceptor.request_stop();
    ::shutdown(listener, SHUT_RDWR);  // wakes accept()
    acceptor.join();
    ::close(listener);
    for (std::jthread& thread : threads) thread.request_stop();
    stop_connections();
    threads.clear();
  }

  void accept_all(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      const std::lock_guard lock(mutex);
      const unsigned number = ++accepted;
      ++open;
      threads.emplace_back([this, fd, number](std::stop_token stopped) { serve(fd, number, stopped); });
    }
  }

  void serve(int fd, unsigned number, const std::stop_token& stop) {
    {
      Stream stream(fd);
      keep(stream);
      try {
        if (!stop.stop_requested()) converse(stream, number, stop);
      } catch (const std::exception& error) {
        if (!stop.stop_requested()) fail(error.what());
      }
      forget(stream);
    }
    const std::lock_guard lock(mutex);
    --open;
    changed.notify_all();
  }

  void converse(Stream& stream, unsigned number, const std::stop_token& stop) {
    std::string alpn_offer;
    if (context) stream.accept_tls(context.get(), &alpn_offer);
    After after = After::keep;
    while (after == After::keep) {
      auto head = read_head(stream);
      if (!head) break;
      Received request;
      request.head = *std::move(head);
      request.connection = number;
      request.alpn_offer = alpn_offer;
      describe_tls(stream, request);
      after = answer(stream, request, stop);
    }
    stream.half_close();
    stream.drain();
  }

  static void describe_tls(const Stream& stream, Received& request) {
    if (stream.tls() == nullptr) return;
    request.tls = true;
    request.resumed = SSL_session_reused(stream.tls()) == 1;
    if (const char* name = SSL_get_servername(stream.tls(), TLSEXT_NAMETYPE_host_name))
      request.server_name = name;
  }

  After answer(Stream& stream, Received& request, const std::stop_token& stop) {
    const Route route = route_of(request);
    const std::size_t index = record(request);
    Conversation with{stream, request, stop};
    if (route.moment == Route::Moment::whole_request) {
      if (route.expectation == Continue::send && request.field("expect"))
        stream.write("HTTP/1.1 100 Continue\r\n\r\n");
      complete(stream, request, index);
      return play(route.handler(request), with);
    }
    const After after = play(route.handler(request), with);
    if (after == After::keep) complete(stream, request, index);
    return after;
  }

  Route route_of(const Received& request) {
    const std::lock_guard lock(mutex);
    const auto found = routes.find(request.path());
    return found == routes.end() ? fallback : found->second;
  }

  std::size_t record(const Received& request) {
    const std::lock_guard lock(mutex);
    received.push_back(request);
    return received.size() - 1;
  }

  void complete(Stream& stream, Received& request, std::size_t index) {
    request.body = read_body(stream, framing_of_request(request.head.fields), request.head.fields);
    request.complete = true;
    std::function<void(const Received&)> tell;
    {
      const std::lock_guard lock(mutex);
      received[index] = request;
      tell = told;
      changed.notify_all();
    }
    if (tell) tell(request);
  }

  void fail(std::string why) {
    const std::lock_guard lock(mutex);
    failures.push_back(std::move(why));
  }
  void keep(Stream& stream) {
    const std::lock_guard lock(mutex);
    live.insert(&stream);
  }
  void forget(Stream& stream) {
    const std::lock_guard lock(mutex);
    live.erase(&stream);
  }
  void stop_connections() {
    const std::lock_guard lock(mutex);
    for (Stream* stream : live) stream->stop();
  }
  std::size_t completed() const {
    return static_cast<std::size_t>(
        std::count_if(received.begin(), received.end(), [](const Received& one) { return one.complete; }));
  }

  Options options;
  std::shared_ptr<SSL_CTX> context;
  std::uint16_t port;
  int listener = -1;
  mutable std::mutex mutex;  // everything below
  mutable std::condition_variable changed;
  std::map<std::string, Route> routes;
  Route fallback;
  std::function<void(const Received&)> told;
  std::vector<Received> received;
  std::vector<std::string> failures;
  std::set<Stream*> live;
  unsigned accepted = 0;
  unsigned open = 0;
  std::vector<std::jthread> threads;
  std::jthread acceptor;
};

FakeUpstream::FakeUpstream(Options options) : state_(std::make_unique<State>(std::move(options))) {}
FakeUpstream::~FakeUpstream() = default;

std::uint16_t FakeUpstream::port() const noexcept { return state_->port; }

void FakeUpstream::on(std::string path, Handler handler, Continue expectation) {
  const std::lock_guard lock(state_->mutex);
  state_->routes[std::move(path)] = {Route::Moment::whole_request, std::move(handler), expectation};
}

void FakeUpstream::on_head(std::string path, Handler handler) {
  const std::lock_guard lock(state_->mutex);
  state_->routes[std::move(path)] = {Route::Moment::head, std::move(handler), Continue::withhold};
}

void FakeUpstream::on_any(Handler handler) {
  const std::lock_guard lock(state_->mutex);
  state_->fallback.handler = std::move(handler);
}

void FakeUpstream::when_received(std::function<void(const Received&)> told) {
  const std::lock_guard lock(state_->mutex);
  state_->told = std::move(told);
}

std::vector<Received> FakeUpstream::requests() const {
  const std::lock_guard lock(state_->mutex);
  return state_->received;
}

std::vector<Received> FakeUpstream::wait_for_requests(std::size_t count) const {
  std::unique_lock lock(state_->mutex);
  if (!state_->changed.wait_for(lock, longest_wait, [&] { return state_->completed() >= count; }))
    throw StreamError("only " + std::to_string(state_->completed()) + " of " + std::to_string(count) +
                      " requests came");
  return state_->received;
}

Received FakeUpstream::last() const {
  const std::lock_guard lock(state_->mutex);
  if (state_->received.empty()) throw StreamError("the origin got no request");
  return state_->received.back();
}

unsigned FakeUpstream::connections() const {
  const std::lock_guard lock(state_->mutex);
  return state_->accepted;
}

std::vector<std::string> FakeUpstream::failures() const {
  const std::lock_guard lock(state_->mutex);
  return state_->failures;
}

void FakeUpstream::close_connections() { state_->stop_connections(); }

void FakeUpstream::wait_until_idle() const {
  std::unique_lock lock(state_->mutex);
  if (!state_->changed.wait_for(lock, longest_wait, [this] { return state_->open == 0; }))
    throw StreamError(std::to_string(state_->open) + " connections stayed open");
}

}  // namespace standin::test
