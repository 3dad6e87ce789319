// What a client pays for connect(), blocking, and for one that is answered at once: `connect_cost HOST PORT
// ROUNDS` prints one JSON object, microseconds.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

double connect_once(const sockaddr_in& to, int flags) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | flags, 0);
  const auto began = std::chrono::steady_clock::now();
  const int result = ::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - began;
  if (result != 0 && errno != EINPROGRESS) {
    std::fprintf(stderr, "connect_cost: %s\n", std::strerror(errno));
    std::exit(1);
  }
  const linger at_once{1, 0};  // a reset leaves no port in TIME_WAIT
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(socket);
  return took.count();
}

void measure(const char* name, const sockaddr_in& to, int flags, int rounds) {
  std::vector<double> all;
  for (int i = 0; i < rounds; ++i) all.push_back(connect_once(to, flags));
  std::sort(all.begin(), all.end());
  std::printf("\"%s\": {\"p50\": %.2f, \"p99\": %.2f}", name, all[all.size() / 2],
              all[all.size() * 99 / 100]);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<in_port_t>(std::atoi(argv[2])));
  ::inet_pton(AF_INET, argv[1], &to.sin_addr);
  const int rounds = std::atoi(argv[3]);
  std::printf("{");
  measure("blocking", to, 0, rounds);
  std::printf(", ");
  measure("non_blocking", to, SOCK_NONBLOCK, rounds);
  std::printf("}\n");
  return 0;
}
