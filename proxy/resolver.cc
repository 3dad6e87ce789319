#include "proxy/resolver.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

#include <boost/asio/post.hpp>

namespace standin::proxy {

namespace {

constexpr std::size_t most_threads = 4;
constexpr std::size_t remembered_names = 512;
constexpr std::chrono::seconds remembered_for{5};

Resolver::Answer ask_system(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  Resolver::Answer answer;
  if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found)) {
    answer.reason = ::gai_strerror(error);
    std::transform(answer.reason.begin(), answer.reason.end(), answer.reason.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return answer;
  }
  for (const addrinfo* at = found; at; at = at->ai_next) {
    IpAddress address;
    if (at->ai_family == AF_INET) {
      sockaddr_in in{};
      std::memcpy(&in, at->ai_addr, sizeof in);
      address = IpAddress::v4(ntohl(in.sin_addr.s_addr));
    } else if (at->ai_family == AF_INET6) {
      sockaddr_in6 in{};
      std::memcpy(&in, at->ai_addr, sizeof in);
      std::memcpy(address.bytes.data(), &in.sin6_addr, address.bytes.size());
    } else {
      continue;
    }
    if (std::find(answer.addresses.begin(), answer.addresses.end(), address) == answer.addresses.end()) {
      answer.addresses.push_back(address);
    }
  }
  ::freeaddrinfo(found);
  if (answer.addresses.empty()) answer.reason = "no address";
  return answer;
}

}  // namespace

/// Who waits for an answer, and may be gone when it comes. Lives and dies with the executor's thread.
struct Resolver::Waiting {
  explicit Waiting(const Executor& executor) : answered(executor) {}
  Event answered;
  Answer answer;
};

struct Resolver::Question {
  std::string host;
  std::weak_ptr<Waiting> from;  // weak: a thread must never be the one that destroys it
};

struct Resolver::Desk {
  explicit Desk(const Executor& e) : executor(e) {}
  const Executor executor;  // lives for as long as `open`
  std::mutex mutex;         // everything below
  std::condition_variable news;
  std::deque<Question> questions;
  std::size_t threads = 0;
  std::size_t idle = 0;
  bool open = true;
};

Resolver::Resolver(const Executor& executor) : executor_(executor), desk_(std::make_shared<Desk>(executor)) {}

Resolver::~Resolver() {
  const std::lock_guard lock(desk_->mutex);
  desk_->open = false;
  desk_->questions.clear();
  desk_->news.notify_all();
}

void Resolver::answer_questions(const std::shared_ptr<Desk>& desk) {
  std::unique_lock lock(desk->mutex);
  for (;;) {
    ++desk->idle;
    desk->news.wait(lock, [&] { return !desk->open || !desk->questions.empty(); });
    --desk->idle;
    if (!desk->open) return;
    Question question = std::move(desk->questions.front());
    desk->questions.pop_front();
    lock.unlock();
    Answer answer = ask_system(question.host);
    lock.lock();
    if (!desk->open) return;  // nor is there an executor any more
    asio::post(desk->executor, [from = std::move(question.from), answer = std::move(answer)]() mutable {
      const auto waiting = from.lock();
      if (!waiting) return;
      waiting->answer = std::move(answer);
      waiting->answered.set();
    });
  }
}

bool Resolver::ask(Question question) {
  const std::lock_guard lock(desk_->mutex);
  desk_->questions.push_back(std::move(question));
  if (desk_->idle < desk_->questions.size() && desk_->threads < most_threads) {
    try {
      std::thread([desk = desk_] { answer_questions(desk); }).detach();
      ++desk_->threads;
    } catch (const std::system_error&) {
      if (desk_->threads == 0) return false;  // else it waits its turn
    }
  }
  desk_->news.notify_one();
  return true;
}

Task<Resolver::Answer> Resolver::resolve(std::string host) {
  const auto now = Clock::now();
  if (const auto known = memory_.find(host); known != memory_.end() && known->second.until > now) {
    co_return Answer{known->second.addresses, {}};
  }
  const auto waiting = std::make_shared<Waiting>(executor_);
  if (!ask({host, waiting})) co_return Answer{{}, "no thread could be started to look it up"};
  co_await waiting->answered.wait();
  if (!waiting->answered.is_set()) co_return Answer{{}, "cancelled"};
  if (!waiting->answer.addresses.empty()) {
    if (memory_.size() >= remembered_names) memory_.clear();
    memory_[host] = {waiting->answer.addresses, Clock::now() + remembered_for};
  }
  co_return waiting->answer;
}

}  // namespace standin::proxy
