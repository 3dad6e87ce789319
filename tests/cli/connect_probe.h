#pragma once

// What the verbs of connect_probe share.

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

namespace standin::cli::test {

using Words = std::vector<std::string>;

/// An internet address as connect() takes it.
struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] int family() const { return storage.ss_family; }
};

inline Address address_of(const std::string& host, int port) {
  Address address;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(static_cast<in_port_t>(port));
    std::memcpy(&address.storage, &v4, address.length = sizeof v4);
  } else {
    ::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(static_cast<in_port_t>(port));
    std::memcpy(&address.storage, &v6, address.length = sizeof v6);
  }
  return address;
}

inline Address address_of(const Words& words, std::size_t at = 0) {
  return address_of(words.at(at), std::stoi(words.at(at + 1)));
}

inline std::string name_of(int error) { return error == 0 ? "0" : ::strerrorname_np(error); }

inline int connect_errno(int socket, const Address& to) {
  return ::connect(socket, to.get(), to.length) == 0 ? 0 : errno;
}

/// Until the answer ends; what went wrong where it is not one.
inline std::string answer_from(int socket) {
  std::string text;
  char buffer[256];
  for (;;) {
    const ssize_t n = ::read(socket, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return "(" + name_of(errno) + ")";
    if (n == 0) return text.substr(0, text.find('\n'));
    text.append(buffer, static_cast<std::size_t>(n));
  }
}

inline int error_of(int socket) {
  int error = -1;
  socklen_t length = sizeof error;
  ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length);
  return error;
}

inline void say(const std::string& line) {
  const std::string text = line + "\n";
  if (::write(STDOUT_FILENO, text.data(), text.size()) < 0) ::_exit(90);
}

inline int stream_for(const Address& to, int flags = 0) {
  return ::socket(to.family(), SOCK_STREAM | flags, 0);
}

/// "HOST PORT": blocking, the plainest client there is.
inline std::string visit(const Address& to) {
  const int socket = stream_for(to);
  const int error = connect_errno(socket, to);
  std::string result = error == 0 ? answer_from(socket) : name_of(error);
  ::close(socket);
  return result;
}

// connect_probe_crowd.cc: many threads, many signals, many processes.
int race(const Words& words);
int many(const Words& words);
int signals(const Words& words);
int tree(const Words& words);

}  // namespace standin::cli::test
