#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <system_error>

#include "cli/capture.h"
#include "cli/doctor_checks.h"
#include "cli/error.h"
#include "cli/messages.h"
#include "cli/times.h"
#include "proxy/upstream_proxy.h"

namespace standin::cli {
namespace {

using Level = Diagnosis::Level;
using std::chrono::system_clock;

std::string reason() { return std::generic_category().message(errno); }

std::string variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  return value == nullptr ? "" : value;
}

std::size_t count_certificates(const std::string& path) {
  std::ifstream file(path);
  std::size_t count = 0;
  for (std::string line; std::getline(file, line);)
    count += line.starts_with("-----BEGIN CERTIFICATE") ? 1 : 0;
  return count;
}

Diagnosis check_root_file(const std::string& path, const std::string& remedy) {
  if (::access(path.c_str(), R_OK) != 0)
    return {Level::fail, "trust roots", in_quotes(path) + ": " + reason(), remedy};
  const std::size_t count = count_certificates(path);
  if (count == 0) return {Level::fail, "trust roots", in_quotes(path) + " holds no certificate", remedy};
  return {Level::ok, "trust roots", std::to_string(count) + " in " + in_quotes(path), {}};
}

}  // namespace

Diagnosis check_runtime_folder(const Places& places) {
  try {
    make_private_folder(places.runtime);
    return {Level::ok, "runtime folder", in_quotes(places.runtime.native()) + " is yours alone", {}};
  } catch (const Error& error) {
    return {Level::fail, "runtime folder", error.what(), error.hint()};
  }
}

Diagnosis check_loopback() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool listens = listener >= 0 &&
                       ::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                       ::listen(listener, 1) == 0;
  const std::string why = listens ? "" : reason();
  if (listener >= 0) ::close(listener);
  if (listens) return {Level::ok, "loopback", "a run can listen on 127.0.0.1", {}};
  return {Level::fail, "loopback", "a run can't listen on 127.0.0.1: " + why,
          "bring up the loopback interface"};
}

std::vector<Diagnosis> check_trust_roots() {
  std::vector<Diagnosis> all;
  const std::string file = variable("SSL_CERT_FILE");
  const std::string folder = variable("SSL_CERT_DIR");
  if (!file.empty()) all.push_back(check_root_file(file, "correct SSL_CERT_FILE, or unset it"));
  if (!folder.empty()) {
    const bool is_there = ::access(folder.c_str(), R_OK | X_OK) == 0;
    all.push_back({is_there ? Level::ok : Level::fail, "trust roots",
                   "SSL_CERT_DIR " + in_quotes(folder) + (is_there ? " can be read" : ": " + reason()),
                   is_there ? "" : "correct SSL_CERT_DIR, or unset it"});
  }
  if (!all.empty()) return all;
  // Debian, Fedora, Alpine, SUSE: where their OpenSSL and everybody else looks.
  constexpr std::array bundles{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                               "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem"};
  for (const char* bundle : bundles) {
    if (::access(bundle, R_OK) == 0) return {check_root_file(bundle, "install the package ca-certificates")};
  }
  return {{Level::fail, "trust roots", "the system has no bundle of certificate authorities",
           "install the package ca-certificates, or set SSL_CERT_FILE"}};
}

Diagnosis check_clock(const Places& places) {
  const auto now = system_clock::now();
  const auto released = *parse_rfc3339("2025-01-01T00:00:00Z");
  struct stat status {};
  const bool has_vault = ::stat(places.vault.c_str(), &status) == 0;
  const auto vault_time = has_vault ? system_clock::from_time_t(status.st_mtim.tv_sec) : now;
  if (now < released) {
    return {Level::fail, "clock", "it says " + rfc3339(now) + ", before this version was made",
            "set the clock: no certificate is valid by it"};
  }
  if (vault_time > now + std::chrono::minutes(5)) {
    return {Level::warn, "clock",
            "it says " + rfc3339(now) + ", and the vault was written at " + rfc3339(vault_time),
            "set the clock: the log's order goes by it"};
  }
  return {Level::ok, "clock", rfc3339(now), {}};
}

std::vector<Diagnosis> check_upstream_proxies() {
  constexpr std::array names{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY",
                             "http_proxy",  "ALL_PROXY",   "all_proxy"};
  std::vector<Diagnosis> all;
  for (const char* name : names) {
    const std::string value = variable(name);
    if (value.empty()) continue;
    try {
      const auto proxy = proxy::UpstreamProxy::parse(name, value);
      all.push_back({Level::ok,
                     "way upstream",
                     std::string(name) + ": " + proxy.endpoint.to_string() +
                         (proxy.authorization.empty() ? "" : ", with a password"),
                     {}});
    } catch (const proxy::Error& error) {
      all.push_back({Level::fail, "way upstream", error.what(), error.hint()});
    }
  }
  if (all.empty()) all.push_back({Level::ok, "way upstream", "direct: no proxy variable is set", {}});
  return all;
}

std::vector<Diagnosis> check_kernel_capture() {
  const Capture found = probe_capture();
  if (found.by == Capture::By::environment) {
    return {{Level::warn, "kernel capture", "none here: " + found.why,
             "clients that ignore proxy variables get 401: docs/clients.md tells which"}};
  }
  std::vector<Diagnosis> all;
  if (found.access == SocketAccess::replaced) {
    all.push_back({Level::info, "kernel capture", found.why,
                   "a client that sets up its socket before it connects may lose that: '--capture env'"});
  } else {
    all.push_back({Level::ok,
                   "kernel capture",
                   "every client's connections come through a run, whatever it knows of proxies",
                   {}});
  }
  if (filter_takes_privileges()) {
    all.push_back({Level::info, "setuid programs",
                   "sudo, su and the like get no other user's rights under a run",
                   "run standin itself with these rights, or use '--capture env'"});
  }
  return all;
}

}  // namespace standin::cli
