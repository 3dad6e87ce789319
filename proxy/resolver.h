#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proxy/asio.h"
#include "proxy/ip_address.h"

namespace standin::proxy {

/// Names to addresses, in the system's order (getaddrinfo, RFC 6724).
///
/// getaddrinfo can neither be cancelled nor awaited, and Asio's own resolver asks one name at a time: a name
/// server that does not answer would stop every other. So: a few threads, made when first needed, and a short
/// memory, because a child often asks for the same few names. Nobody waits for the threads: the end of a run
/// must not take as long as a name server's silence.
class Resolver {
 public:
  explicit Resolver(const Executor& executor);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

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
  struct Waiting;
  struct Question;
  struct Desk;  // what is shared with the threads, which may outlive this object
  bool ask(Question question);
  static void answer_questions(const std::shared_ptr<Desk>& desk);

  Executor executor_;
  std::map<std::string, Remembered> memory_;
  std::shared_ptr<Desk> desk_;
};

}  // namespace standin::proxy
