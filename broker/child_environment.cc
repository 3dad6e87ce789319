#include "broker/child_environment.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "broker/child_java.h"
#include "broker/child_node.h"
#include "broker/run_file.h"

namespace standin::broker {
namespace {

namespace fs = std::filesystem;

// Both cases: curl reads only http_proxy, Go and others prefer the upper case.
constexpr std::array<const char*, 10> proxy_variables = {
    "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY",
    "all_proxy",   "WSS_PROXY",   "wss_proxy",  "WS_PROXY",   "ws_proxy"};

// Clients that add the file to what they trust anyway: they get the authority alone, because parsing 140
// roots again would cost each of their starts 40 ms.
constexpr std::array<const char*, 2> adding_variables = {"NODE_EXTRA_CA_CERTS", "DENO_CERT"};

// Clients that trust the file and nothing else: they get the whole bundle.
constexpr std::array<const char*, 13> replacing_variables = {
    "SSL_CERT_FILE",       "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",      "AWS_CA_BUNDLE",      "PIP_CERT",
    "CARGO_HTTP_CAINFO",   "NIX_SSL_CERT_FILE",  "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "HEX_CACERTS_PATH",    "BUNDLE_SSL_CA_CERT", "CODEX_CA_CERTIFICATE",
    "PERL_LWP_SSL_CA_FILE"};

// Debian, Fedora, openSUSE, older Fedora, RHEL 7, Alpine and the BSDs.
constexpr std::array<const char*, 6> system_roots = {"/etc/ssl/certs/ca-certificates.crt",
                                                     "/etc/pki/tls/certs/ca-bundle.crt",
                                                     "/etc/ssl/ca-bundle.pem",
                                                     "/etc/pki/tls/cacert.pem",
                                                     "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
                                                     "/etc/ssl/cert.pem"};

const std::string* find(const Environment& environment, std::string_view name) {
  const auto at = std::ranges::find(environment, name, &Environment::value_type::first);
  return at == environment.end() ? nullptr : &at->second;
}

void set(Environment& environment, std::string_view name, std::string value) {
  const auto at = std::ranges::find(environment, name, &Environment::value_type::first);
  if (at != environment.end()) {
    at->second = std::move(value);
  } else {
    environment.emplace_back(name, std::move(value));
  }
}

/// Each name once: a second entry would keep a real secret behind the stand-in that replaces the first.
Environment inherited(const Environment& parent) {
  Environment child;
  child.reserve(parent.size() + 48);
  for (const auto& [name, value] : parent) {
    if (!name.starts_with("STANDIN_") && find(child, name) == nullptr) child.emplace_back(name, value);
  }
  return child;
}

/// The file that the parent names in `variable`; the child resolves a relative path as we do.
void append_parents(RunFile& file, const Environment& parent, const char* variable) {
  const std::string* value = find(parent, variable);
  if (value != nullptr && !value->empty()) file.append_file(*value);
}

fs::path write_authority(const Environment& parent, const RunFacts& facts) {
  RunFile file(facts.folder / "ca.pem");
  file.append(facts.authority_pem);
  for (const char* variable : adding_variables) append_parents(file, parent, variable);
  file.close();
  return file.path();
}

fs::path write_roots(const Environment& parent, const RunFacts& facts) {
  RunFile file(facts.folder / "roots.pem");
  std::string system = facts.system_roots;
  for (std::size_t i = 0; system.empty() && i < system_roots.size(); ++i) {
    if (::access(system_roots[i], R_OK) == 0) system = system_roots[i];
  }
  if (!system.empty()) file.append_file(system);
  for (const char* variable : replacing_variables) append_parents(file, parent, variable);
  file.append(facts.authority_pem);
  file.close();
  return file.path();
}

/// WGETRC replaces ~/.wgetrc, so that goes first. A proxy named there would win over the environment's: it is
/// named again, behind.
fs::path write_wgetrc(const Environment& parent, const RunFacts& facts, const fs::path& roots,
                      const std::string& no_proxy) {
  RunFile file(facts.folder / "wgetrc");
  const std::string* own = find(parent, "WGETRC");
  const std::string* home = find(parent, "HOME");
  if (own != nullptr && !own->empty()) {
    file.append_file(*own);
  } else if (home != nullptr && !home->empty()) {
    file.append_file(fs::path(*home) / ".wgetrc");
  }
  file.append("ca_certificate = " + roots.string() + "\n");
  if (!facts.proxy_url.empty()) {
    file.append("use_proxy = on\nhttps_proxy = " + facts.proxy_url + "\nhttp_proxy = " + facts.proxy_url +
                "\nno_proxy = " + no_proxy + "\n");
  }
  file.close();
  return file.path();
}

fs::path write_php_folder(const RunFacts& facts, const fs::path& roots) {
  fs::path folder = facts.folder / "php";
  if (::mkdir(folder.c_str(), 0700) != 0) {
    throw Error(Error::Kind::io,
                "cannot make " + folder.string() + ": " + std::generic_category().message(errno));
  }
  RunFile file(folder / "standin.ini");
  file.append("openssl.cafile = \"" + roots.string() + "\"\ncurl.cainfo = \"" + roots.string() + "\"\n");
  file.close();
  return folder;
}

/// An empty element stands for PHP's own folder; an empty value, for none at all.
std::string php_scan_path(const std::string* own, const fs::path& folder) {
  if (own == nullptr) return ":" + folder.string();
  return own->empty() ? folder.string() : *own + ":" + folder.string();
}

/// Clients read one of the two cases, or either: both lists count.
std::string child_no_proxy(const Environment& parent, const RunFacts& facts) {
  std::string both;
  for (const char* variable : {"NO_PROXY", "no_proxy"}) {
    if (const std::string* value = find(parent, variable)) both.append(*value).append(",");
  }
  return merged_no_proxy(both, facts.bound);
}

void set_proxy(Environment& child, const RunFacts& facts, const std::string& no_proxy) {
  if (facts.proxy_url.empty()) return;
  for (const char* variable : proxy_variables) set(child, variable, facts.proxy_url);
  set(child, "NO_PROXY", no_proxy);
  set(child, "no_proxy", no_proxy);
  set(child, "NODE_USE_ENV_PROXY", "1");
  set(child, "PERL_LWP_ENV_PROXY", "1");
}

}  // namespace

Environment child_environment(const Environment& parent, const RunFacts& facts) {
  Environment child = inherited(parent);
  const std::string no_proxy = child_no_proxy(child, facts);
  const fs::path authority = write_authority(child, facts);
  const fs::path roots = write_roots(child, facts);
  const fs::path wgetrc = write_wgetrc(child, facts, roots, no_proxy);
  const fs::path php = write_php_folder(facts, roots);

  for (const auto& [variable, stand_in] : facts.stand_ins) set(child, variable, stand_in);
  set_proxy(child, facts, no_proxy);
  for (const char* variable : adding_variables) set(child, variable, authority.string());
  for (const char* variable : replacing_variables) set(child, variable, roots.string());
  set(child, "WGETRC", wgetrc.string());
  set(child, "PHP_INI_SCAN_DIR", php_scan_path(find(child, "PHP_INI_SCAN_DIR"), php));
  set_java(child, facts, roots);
  if (facts.node_preload == NodePreload::yes && !facts.proxy_url.empty()) set_node_preload(child, facts);
  return child;
}

}  // namespace standin::broker
