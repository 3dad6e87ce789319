#include "tests/bench/end_to_end/pattern.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

namespace standin::bench {

double Latencies::microseconds(double quantile) {
  if (all_.empty()) die("not one operation in the time given");
  const auto at = all_.begin() + static_cast<std::ptrdiff_t>(quantile * static_cast<double>(all_.size() - 1));
  std::nth_element(all_.begin(), at, all_.end());
  return *at / 10.0;
}

Pattern::Pattern(const LoadOptions& options)
    : options_(options), watched_(options.watched_process), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  way_.origin_port = options.origin_port;
  way_.token = options.token;
  way_.http2 = options.http2;
  way_.context = client_context(options.roots_file, options.http2);
  if (!options.proxy_url.empty()) way_.go_through(options.proxy_url);
}

Pattern::~Pattern() { ::close(epoll_); }

Connection& Pattern::connect(const std::string& host) {
  ConnectionOwner& owner = *this;
  Connection& made = connections_.emplace_back(way_, epoll_, owner);
  made.dial(host);
  return made;
}

void Pattern::run() {
  constexpr std::uint64_t patience = 120'000'000'000;
  std::array<epoll_event, 256> events;
  std::uint64_t progressed = now();
  begin();
  while (!is_over()) {
    const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 100);
    for (int i = 0; i < count; ++i)
      static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr)->advance();
    if (count > 0) progressed = now();
    if (now() - progressed > patience) die("nothing happened for two minutes");
  }
}

void Pattern::start_clock() {
  started_ = now();
  processor_ = watched_.processor_time();
}

double Pattern::processor_microseconds() const {
  return static_cast<double>(watched_.processor_time() - processor_) / 1e3;
}

}  // namespace standin::bench
