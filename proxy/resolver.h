#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include "proxy/asio.h"
#include "proxy/ip_address.h"

namespace standin::proxy {

/// Names to addresses, in the system's order (getaddrinfo, RFC 6724).
///
/// getaddrinfo can neither be cancelled nor awaited, and Asio's own resolver asks one name at a time: a name
/// server that does not answer would stop every other. So: a few threads, made when first needed, and a short
/// memory, because a child often asks for the same few names.
class Resolver {
 public:
  explicit Resolver(const Executor& executor) : executor_(executor) {}

  struct Answer {
    std::vector<IpAddress> addresses;  // empty: there are none
    std::string reason;                // then why, lower case: "name or service not known"
  };
  Task<Answer> resolve(std::string host);

 private:
  struct Remembered {
    std::vector<IpAddress> addresses;
    Clock::time_point until;
  };
  Executor executor_;
  std::map<std::string, Remembered> memory_;
  std::unique_ptr<asio::thread_pool> threads_;
};

}  // namespace standin::proxy
