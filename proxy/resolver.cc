#include "proxy/resolver.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <cstring>

#include <boost/asio/post.hpp>

namespace standin::proxy {

namespace {

constexpr std::size_t threads = 4;
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

Task<Resolver::Answer> Resolver::resolve(std::string host) {
  const auto now = Clock::now();
  if (const auto known = memory_.find(host); known != memory_.end() && known->second.until > now) {
    co_return Answer{known->second.addresses, {}};
  }
  if (!threads_) threads_ = std::make_unique<asio::thread_pool>(threads);
  // Owned by both sides: the waiter may be cancelled while the system still thinks.
  struct Question {
    explicit Question(const Executor& executor) : answered(executor) {}
    Event answered;
    Answer answer;
  };
  auto question = std::make_shared<Question>(executor_);
  asio::post(*threads_, [question, host, executor = executor_] {
    question->answer = ask_system(host);
    asio::post(executor, [question] { question->answered.set(); });
  });
  co_await question->answered.wait();
  if (!question->answered.is_set()) co_return Answer{{}, "cancelled"};
  if (!question->answer.addresses.empty()) {
    if (memory_.size() >= remembered_names) memory_.clear();
    memory_[host] = {question->answer.addresses, now + remembered_for};
  }
  co_return question->answer;
}

}  // namespace standin::proxy
