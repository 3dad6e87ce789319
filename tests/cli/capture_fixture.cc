#include "tests/cli/capture_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "cli/child_socket.h"

namespace standin::cli::test {
namespace {

proxy::Endpoint endpoint_of(int socket, decltype(::getsockname)* ask) {
  proxy::SocketAddress address;
  address.length = sizeof address.storage;
  ask(socket, reinterpret_cast<sockaddr*>(&address.storage), &address.length);
  return destination_of(address).value_or(proxy::Endpoint{});
}

void must(const char* command) {
  if (std::system(command) != 0) {  // NOLINT: a test's own words
    std::fprintf(stderr, "cannot prepare the test's network: %s\n", command);
    std::abort();
  }
}

/// A network of this process's own: nothing of it leaves the machine, and nobody else is met.
void enter_own_network() {
  if (::unshare(CLONE_NEWNET) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
    std::perror("cannot make a network namespace");
    std::abort();
  }
  must("ip link set lo up && ip route add local 0.0.0.0/0 dev lo && ip -6 route add local ::/0 dev lo");
}

}  // namespace

Answering::Answering(const char* address, std::uint16_t port, Line line)
    : line_(std::move(line)), listener_(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const int on = 1;
  const int off = 0;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(listener_, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  sockaddr_in6 own{};
  own.sin6_family = AF_INET6;
  own.sin6_port = htons(port);
  ::inet_pton(AF_INET6, address, &own.sin6_addr);
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&own), sizeof own) != 0 ||
      ::listen(listener_, 4096) != 0) {
    std::perror("cannot listen");
    std::abort();
  }
  port_ = endpoint_of(listener_, ::getsockname).port;
  thread_ = std::thread([this] { serve(); });
}

Answering::~Answering() {
  ::shutdown(listener_, SHUT_RDWR);  // accept() ends
  thread_.join();
  ::close(listener_);
}

void Answering::serve() {
  for (;;) {
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0 && errno == EINVAL) return;
    if (connection < 0) continue;
    const std::string text = line_(connection, endpoint_of(connection, ::getpeername)) + "\n";
    ::send(connection, text.data(), text.size(), MSG_NOSIGNAL);
    ::close(connection);
  }
}

CaptureRun::CaptureRun() {
  enter_own_network();
  add("github", {"api.github.com", "http://bound.test:8081"}, {}, "ghp_RealSecretRealSecretRealSecret12");
}

CaptureRun::~CaptureRun() {
  direct_.clear();
  doors_.clear();
}

std::string CaptureRun::name(const proxy::Endpoint& endpoint) {
  const std::string address = endpoint.address.to_string();
  return (endpoint.address.is_v4() ? address : "[" + address + "]") + ":" + std::to_string(endpoint.port);
}

std::string CaptureRun::local_name(int connection) { return name(endpoint_of(connection, ::getsockname)); }

void CaptureRun::open_doors() {
  const auto line = [this](int, const proxy::Endpoint& peer) {
    const auto wanted = redirection_->take(peer);
    return wanted ? name(*wanted) : std::string("nobody expected this");
  };
  doors_.push_back(std::make_unique<Answering>("::ffff:127.0.0.1", 0, line));
  doors_.push_back(std::make_unique<Answering>("::1", 0, line));
  redirection_ = std::make_unique<proxy::Redirection>(doors_[0]->port(), doors_[1]->port());
}

void CaptureRun::deny(long call, int error, unsigned argument, std::uint32_t bits) {
  const auto offset = static_cast<std::uint32_t>(offsetof(seccomp_data, args) + 8 * argument);
  const std::uint32_t fail = SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error);
  std::vector<sock_filter> program{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offsetof(seccomp_data, nr))),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, fail),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  if (bits == 0) program[2] = program[3] = BPF_STMT(BPF_RET | BPF_K, fail);
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0) return;
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  ASSERT_EQ(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter), 0) << std::strerror(errno);
}

void CaptureRun::become_nobody() {
  if (::geteuid() != 0) return;
  constexpr unsigned nobody = 65534;
  const std::filesystem::path root = root_ / ".";
  ASSERT_EQ(::chown(root.c_str(), nobody, nobody), 0);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    ASSERT_EQ(::chown(entry.path().c_str(), nobody, nobody), 0);
  }
  ASSERT_EQ(::setresgid(nobody, nobody, nobody), 0);
  ASSERT_EQ(::setresuid(nobody, nobody, nobody), 0);
}

std::vector<std::string> CaptureRun::run(const Words& words, const std::function<void()>& in_between) {
  if (!broker_) start();
  Pipe in, output;
  const vault::Descriptor own_out(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  const vault::Descriptor own_in(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  std::fflush(stdout);
  ::dup2(output.writing.get(), STDOUT_FILENO);
  ::dup2(in.reading.get(), STDIN_FILENO);
  const Inheritance start = Inheritance::take();
  // Before the first thread, as the launcher has it: the child is a copy of this one alone.
  auto [child, capture] = fork_captured(
      start, [] { ::prctl(PR_SET_DUMPABLE, 1); }, wish_);
  ::dup2(own_out.get(), STDOUT_FILENO);
  ::dup2(own_in.get(), STDIN_FILENO);
  output.writing.close();
  child_ = child.pid();
  capture_.by = capture.by;
  capture_.access = capture.access;
  capture_.why = capture.why;
  capture_.is_nested = capture.is_nested;
  input_ = std::move(in.writing);
  out_.emplace(std::move(output.reading));

  if (doors_.empty()) open_doors();
  std::optional<ConnectSupervisor> supervisor;
  if (capture.by == Capture::By::kernel) {
    supervisor.emplace(SupervisorOptions{.listener = std::move(capture.listener),
                                         .access = capture.access,
                                         .bound_ports = bound_ports_,
                                         .proxy_port = 9,
                                         .is_behind_proxy = is_behind_proxy_},
                       *redirection_, *broker_);
    supervisor->start();
  }
  const std::vector<std::pair<std::string, std::string>> environment{{"PATH", "/usr/bin:/bin"}};
  child.exec(Words{CONNECT_PROBE} + words, environment);
  EXPECT_EQ(child.outcome(), std::nullopt);
  in_between();
  std::vector<std::string> lines;
  for (std::string line = out_->line(); line != "(end)"; line = out_->line()) {
    lines.push_back(line);
    if (line == "(nothing)") break;
  }
  int status = 0;
  ::waitpid(child_, &status, 0);
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return lines;
}

}  // namespace standin::cli::test
