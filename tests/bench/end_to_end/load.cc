#include "tests/bench/end_to_end/load.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iostream>
#include <memory>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/bench/end_to_end/tls_socket.h"
#include "tests/test_client.h"

namespace standin::bench {
namespace {

struct Route {
  std::uint16_t port = 0;
  std::string connect;  // the CONNECT head; empty: none
};

Route route_of(const LoadOptions& options) {
  if (options.proxy_url.empty()) return {options.origin_port, ""};
  const std::string target = "localhost:" + std::to_string(options.origin_port);
  Route route{0, "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n"};
  const auto colon = options.proxy_url.rfind(':');
  std::from_chars(options.proxy_url.data() + colon + 1, options.proxy_url.data() + options.proxy_url.size(),
                  route.port);
  const auto start = options.proxy_url.find("//") + 2;
  if (const auto at = options.proxy_url.find('@'); at != std::string::npos)
    route.connect +=
        "Proxy-Authorization: " + test::basic(options.proxy_url.substr(start, at - start)) + "\r\n";
  route.connect += "\r\n";
  if (route.port == 0) die("no port in the proxy's URL");
  return route;
}

struct Connection {
  enum class State : std::uint8_t { connecting, asking, tunnelling, shaking, sending, receiving };
  std::unique_ptr<TlsSocket> socket;
  State state = State::connecting;
  std::string in;
  std::string out;
  std::uint32_t stream = 1;  // of HTTP/2: the next request's
  std::size_t sent = 0;
  std::uint64_t began = 0;
  bool warm = false;
};

/// A frame of HTTP/2 (RFC 9113 4.1).
std::string frame(char type, char flags, std::uint32_t stream, std::string_view payload) {
  std::string out;
  const auto put = [&](std::size_t value, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
      out.push_back(static_cast<char>(value >> shift));
  };
  put(payload.size(), 3);
  out.append({type, flags});
  put(stream, 4);
  return out.append(payload);
}

/// What begins a connection: windows so large that they never have to be opened again.
std::string http2_opening() {
  using namespace std::string_literals;
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, "\0\4\x7f\xff\xff\xff"s) +
         frame(8, 0, 0, "\x7f\xff\0\0"s);
}

/// Literals without indexing (RFC 7541 6.2.2), but for what the static table has.
std::string http2_fields(const LoadOptions& options) {
  std::string out("\x82\x87");  // GET, https
  const auto put = [&](std::string_view name, std::string_view value) {
    out.append({0, static_cast<char>(name.size())}).append(name);
    out.append({static_cast<char>(value.size())}).append(value);
  };
  put(":authority", "localhost:" + std::to_string(options.origin_port));
  put(":path", "/bench");
  put("user-agent", "bench");
  put("accept", "*/*");
  put("authorization", "Bearer " + options.token);
  return out;
}

class Load {
 public:
  explicit Load(const LoadOptions& options)
      : options_(options),
        route_(route_of(options)),
        context_(client_context(options.roots_file)),
        request_("GET /bench HTTP/1.1\r\nHost: localhost:" + std::to_string(options.origin_port) +
                 "\r\nUser-Agent: bench\r\nAccept: */*\r\nAuthorization: Bearer " + options.token +
                 "\r\n\r\n"),
        http2_fields_(http2_fields(options)),
        connections_(options.connections) {
    static constexpr unsigned char h2[] = {2, 'h', '2'};
    if (options.http2) SSL_CTX_set_alpn_protos(context_.get(), h2, sizeof h2);
  }

  void run() {
    for (Connection& connection : connections_) dial(connection);
    std::array<epoll_event, 256> events;
    const std::uint64_t give_up = now() + 30'000'000'000;
    while (start_ == 0 || now() < end_) {
      if (start_ == 0 && now() > give_up) die("no answer in 30 seconds");
      const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 100);
      for (int i = 0; i < count; ++i)
        advance(*static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr));
    }
    report();
  }

 private:
  void dial(Connection& connection) {
    connection.began = now();
    connection.state = Connection::State::connecting;
    connection.in.clear();
    connection.sent = 0;
    connection.stream = 1;
    connection.socket = std::make_unique<TlsSocket>(epoll_, TlsSocket::connecting(route_.port), &connection);
  }

  /// As far as it goes without waiting.
  void advance(Connection& connection) {
    Step step = Step::done;
    while (step == Step::done) step = next(connection);
    if (step != Step::again)
      die(step == Step::closed ? "the peer closed: " + connection.in.substr(0, 300) : "a connection failed");
  }

  Step next(Connection& connection) {
    using State = Connection::State;
    switch (connection.state) {
      case State::connecting: {
        const Step step = connection.socket->connected();
        if (step == Step::done)
          route_.connect.empty() ? shake(connection) : become(connection, State::asking);
        return step;
      }
      case State::asking:
        return send(connection, route_.connect, State::tunnelling);
      case State::tunnelling: {
        const Step step = connection.socket->read(connection.in);
        if (!connection.in.ends_with("\r\n\r\n")) return step;
        if (connection.in.find(" 200") == std::string::npos) die("the proxy said " + connection.in);
        shake(connection);
        return Step::done;
      }
      case State::shaking: {
        const Step step = connection.socket->handshake();
        if (step == Step::done) ask(connection);
        return step;
      }
      case State::sending:
        return send(connection, options_.http2 ? connection.out : request_, State::receiving);
      case State::receiving:
        return options_.http2 ? receive_http2(connection) : receive(connection);
    }
    return Step::failed;
  }

  static void become(Connection& connection, Connection::State state) {
    connection.state = state;
    connection.sent = 0;
    connection.in.clear();
  }

  void shake(Connection& connection) {
    connection.socket->start_client(context_.get(), "localhost");
    become(connection, Connection::State::shaking);
  }

  static Step send(Connection& connection, const std::string& bytes, Connection::State after) {
    const Step step = connection.socket->write(bytes, connection.sent);
    if (step != Step::done) return step;
    std::string rest = std::move(connection.in);
    become(connection, after);
    connection.in = std::move(rest);
    return step;
  }

  void ask(Connection& connection) {
    std::string rest = std::move(connection.in);
    become(connection, Connection::State::sending);
    if (!options_.http2) return;
    if (connection.stream > 1) connection.in = std::move(rest);  // another frame has begun
    connection.out = connection.stream == 1 ? http2_opening() : "";
    connection.out += frame(1, 5, connection.stream, http2_fields_);
    connection.stream += 2;
  }

  Step receive_http2(Connection& connection) {
    const Step step = connection.socket->read(connection.in);
    std::string& in = connection.in;
    while (in.size() >= 9) {
      const auto byte = [&](std::size_t i) {
        return static_cast<unsigned>(static_cast<unsigned char>(in[i]));
      };
      const std::size_t size = byte(0) << 16 | byte(1) << 8 | byte(2);
      if (in.size() < 9 + size) break;
      const unsigned type = byte(3);
      const bool ends = type <= 1 && (byte(4) & 1) != 0;
      if ((type == 1 && byte(9) != 0x88 && byte(9) != 0x20 && byte(9) != 0x3f) || type == 3 || type == 7)
        die("unexpected frame " + std::to_string(type));
      in.erase(0, 9 + size);
      if (!ends) continue;
      finish(connection);
      return options_.pattern == Pattern::keep_alive ? Step::done : Step::again;
    }
    return step;
  }

  Step receive(Connection& connection) {
    const Step step = connection.socket->read(connection.in);
    const auto end = connection.in.find("\r\n\r\n");
    if (end == std::string::npos) return step;
    if (!connection.in.starts_with("HTTP/1.1 200 "))
      die("unexpected answer: " + connection.in.substr(0, 600));
    if (connection.in.size() < end + 4 + 1024) return step;
    finish(connection);
    return options_.pattern == Pattern::keep_alive ? Step::done : Step::again;
  }

  void finish(Connection& connection) {
    const std::uint64_t done = now();
    if (start_ != 0) latencies_.push_back(static_cast<std::uint32_t>((done - connection.began) / 100));
    connection.warm = true;
    if (start_ == 0 &&
        std::all_of(connections_.begin(), connections_.end(), [](auto& c) { return c.warm; })) {
      start_ = now();
      end_ = start_ + static_cast<std::uint64_t>(options_.seconds * 1e9);
      processor_ = processor_time(options_.watched_process);
    }
    if (options_.pattern == Pattern::new_connections) {
      connection.socket->close_notify();
      return dial(connection);
    }
    ask(connection);
    connection.began = now();
  }

  void report() {
    const double seconds = static_cast<double>(now() - start_) / 1e9;
    const auto spent = static_cast<double>(processor_time(options_.watched_process) - processor_) / 1e3;
    if (latencies_.empty()) die("not one operation in the time given");
    std::sort(latencies_.begin(), latencies_.end());
    const auto quantile = [&](double q) {
      return latencies_[static_cast<std::size_t>(q * static_cast<double>(latencies_.size() - 1))] / 10.0;
    };
    const auto count = static_cast<double>(latencies_.size());
    std::cout << nlohmann::json{{"rate", count / seconds},
                                {"p50", quantile(0.5)},
                                {"p99", quantile(0.99)},
                                {"processor", spent / count}}
              << "\n";
  }

  const LoadOptions& options_;
  Route route_;
  Context context_;
  std::string request_;
  std::string http2_fields_;
  int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<Connection> connections_;
  std::vector<std::uint32_t> latencies_;  // of 100 ns
  std::uint64_t start_ = 0;               // when every connection had answered once
  std::uint64_t end_ = 0;
  std::uint64_t processor_ = 0;
};

}  // namespace

int run_load(const LoadOptions& options) {
  Load(options).run();
  return 0;
}

}  // namespace standin::bench
