#include "broker/child_environment.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/read_text.h"
#include "tests/temporary_folder.h"

namespace standin::broker {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class ChildEnvironment : public testing::Test {
 protected:
  ChildEnvironment() {
    facts_.folder = root_ / "run";
    fs::create_directory(facts_.folder);
    facts_.proxy_url = "http://standin:pw@127.0.0.1:4321";
    facts_.authority_pem = "-----AUTHORITY-----\n";
    facts_.system_roots = file("system.pem", "-----SYSTEM-----\n");
    facts_.bound = {proxy::OriginPattern::parse("api.github.com")};
  }

  std::string file(std::string_view name, std::string_view text) { return root_.file(name, text); }
  void run(Environment parent) { child_ = child_environment(parent, facts_); }
  std::string operator[](std::string_view name) const {
    std::string value = "(not set)";
    int times = 0;
    for (const auto& [n, v] : child_) {
      if (n == name) {
        value = v;
        ++times;
      }
    }
    return times > 1 ? "(set twice)" : value;
  }
  /// What a client finds in the file that `variable` names.
  std::string in(std::string_view variable) const { return test::read_text((*this)[variable]); }

  test::TemporaryFolder root_;
  RunFacts facts_;
  Environment child_;
};

TEST_F(ChildEnvironment, KeepsWhatItDoesNotSetInOrder) {
  run({{"A", ""}, {"PATH", "/bin"}, {"B", "x=y=z"}, {"", "odd"}, {"NL", "a\nb"}});
  const Environment first(child_.begin(), child_.begin() + 5);
  EXPECT_EQ(first, (Environment{{"A", ""}, {"PATH", "/bin"}, {"B", "x=y=z"}, {"", "odd"}, {"NL", "a\nb"}}));
}

TEST_F(ChildEnvironment, GivesNothingOfStandinsOwn) {
  run({{"STANDIN_KEY", "k"}, {"STANDIN_HOME", "/x"}, {"STANDIN_", "x"}, {"STANDINGS", "kept"}});
  EXPECT_EQ((*this)["STANDINGS"], "kept");
  for (const auto& [name, value] : child_) EXPECT_FALSE(name.starts_with("STANDIN_")) << name;
}

TEST_F(ChildEnvironment, ReplacesASecretOfTheParentHoweverOftenItIsThere) {
  facts_.stand_ins = {{"GITHUB_TOKEN", "ghp_standin"}, {"NEW", "standin_1"}};
  run({{"GITHUB_TOKEN", "real-1"}, {"X", "1"}, {"GITHUB_TOKEN", "real-2"}, {"X", "2"}});
  EXPECT_EQ((*this)["GITHUB_TOKEN"], "ghp_standin");
  EXPECT_EQ((*this)["NEW"], "standin_1");
  EXPECT_EQ((*this)["X"], "1");
  for (const auto& [name, value] : child_) EXPECT_THAT(value, Not(HasSubstr("real-")));
}

TEST_F(ChildEnvironment, NamesTheProxyInBothCases) {
  run({{"https_proxy", "http://corp:8080"}, {"ALL_PROXY", "socks5://corp"}});
  for (const char* name : {"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy",
                           "ws_proxy", "wss_proxy", "WS_PROXY", "WSS_PROXY"}) {
    EXPECT_EQ((*this)[name], facts_.proxy_url) << name;
  }
  EXPECT_EQ((*this)["NODE_USE_ENV_PROXY"], "1");
  EXPECT_EQ((*this)["PERL_LWP_ENV_PROXY"], "1");
  EXPECT_EQ((*this)["NO_PROXY"], "localhost,127.0.0.1,::1,[::1]");
}

TEST_F(ChildEnvironment, MergesBothOfTheParentsNoProxies) {
  run({{"NO_PROXY", "a.example,github.com"}, {"no_proxy", "b.example,a.example"}});
  EXPECT_EQ((*this)["NO_PROXY"], "a.example,b.example,localhost,127.0.0.1,::1,[::1]");
  EXPECT_EQ((*this)["no_proxy"], (*this)["NO_PROXY"]);
}

TEST_F(ChildEnvironment, LeavesProxyVariablesAloneWithoutAProxy) {
  facts_.proxy_url.clear();
  run({{"https_proxy", "http://corp:8080"}});
  EXPECT_EQ((*this)["https_proxy"], "http://corp:8080");
  EXPECT_EQ((*this)["HTTPS_PROXY"], "(not set)");
  EXPECT_EQ((*this)["NO_PROXY"], "(not set)");
  EXPECT_THAT(in("WGETRC"), Not(HasSubstr("proxy")));
}

TEST_F(ChildEnvironment, GivesTheAuthorityAloneToVariablesThatAdd) {
  run({});
  EXPECT_EQ(in("NODE_EXTRA_CA_CERTS"), "-----AUTHORITY-----\n");
  EXPECT_EQ((*this)["DENO_CERT"], (*this)["NODE_EXTRA_CA_CERTS"]);
}

TEST_F(ChildEnvironment, ExtendsTheParentsAddedRoots) {
  const auto node = file("node.pem", "-----NODE-----");
  const auto deno = file("deno.pem", "-----DENO-----");
  run({{"NODE_EXTRA_CA_CERTS", node}, {"DENO_CERT", deno}});
  EXPECT_EQ(in("NODE_EXTRA_CA_CERTS"), "-----AUTHORITY-----\n-----NODE-----\n-----DENO-----");
}

TEST_F(ChildEnvironment, GivesTheWholeBundleToVariablesThatReplace) {
  run({});
  for (const char* name :
       {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "AWS_CA_BUNDLE",
        "PIP_CERT", "CARGO_HTTP_CAINFO", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "NIX_SSL_CERT_FILE",
        "HEX_CACERTS_PATH", "BUNDLE_SSL_CA_CERT", "CODEX_CA_CERTIFICATE", "PERL_LWP_SSL_CA_FILE"}) {
    EXPECT_EQ(in(name), "-----SYSTEM-----\n-----AUTHORITY-----\n") << name;
  }
}

TEST_F(ChildEnvironment, BundlesTheParentsOwnRootsOnceEach) {
  const auto corp = file("corp.pem", "-----CORP-----");  // no newline at its end
  fs::create_symlink(corp, root_ / "link.pem");
  const auto git = file("git.pem", "-----GIT-----\n");
  run({{"SSL_CERT_FILE", corp},
       {"REQUESTS_CA_BUNDLE", (root_ / "link.pem").string()},
       {"CURL_CA_BUNDLE", facts_.system_roots},
       {"GIT_SSL_CAINFO", git},
       {"SSL_CERT_DIR", "/corp/certs"}});
  EXPECT_EQ(in("PIP_CERT"), "-----SYSTEM-----\n-----CORP-----\n-----GIT-----\n-----AUTHORITY-----\n");
  EXPECT_EQ((*this)["SSL_CERT_DIR"], "/corp/certs");
}

TEST_F(ChildEnvironment, TakesTheHashedCertificatesOfAFolder) {
  fs::create_directory(root_ / "certs");
  file("certs/corp.pem", "-----CORP-----\n");
  file("certs/key.pem", "-----KEY-----\n");
  fs::create_symlink("corp.pem", root_ / "certs/5ad8a5d6.0");
  fs::create_symlink("corp.pem", root_ / "certs/5ad8a5d6.1");
  fs::create_directory(root_ / "certs/aaaaaaaa.0");
  run({{"REQUESTS_CA_BUNDLE", (root_ / "certs").string()}});
  EXPECT_EQ(in("REQUESTS_CA_BUNDLE"), "-----SYSTEM-----\n-----CORP-----\n-----AUTHORITY-----\n");
}

TEST_F(ChildEnvironment, LeavesOutAParentsFileThatNobodyCanRead) {
  ASSERT_EQ(mkfifo((root_ / "pipe").c_str(), 0600), 0);
  run({{"SSL_CERT_FILE", (root_ / "pipe").string()},
       {"PIP_CERT", (root_ / "missing").string()},
       {"AWS_CA_BUNDLE", ""},
       {"CURL_CA_BUNDLE", "/dev/zero"},
       {"NODE_EXTRA_CA_CERTS", (root_ / "missing").string()}});
  EXPECT_EQ(in("AWS_CA_BUNDLE"), "-----SYSTEM-----\n-----AUTHORITY-----\n");
  EXPECT_EQ(in("NODE_EXTRA_CA_CERTS"), "-----AUTHORITY-----\n");
}

TEST_F(ChildEnvironment, FindsTheSystemsRootsByItself) {
  facts_.system_roots.clear();
  run({});
  EXPECT_THAT(in("SSL_CERT_FILE"), HasSubstr("-----BEGIN CERTIFICATE-----"));
  EXPECT_THAT(in("SSL_CERT_FILE"), testing::EndsWith("-----AUTHORITY-----\n"));
}

TEST_F(ChildEnvironment, PutsItsLinesBehindTheUsersWgetrc) {
  file(".wgetrc", "https_proxy = http://corp:8080\ntries = 3");
  run({{"HOME", root_.path().string()}});
  EXPECT_EQ(in("WGETRC"), "https_proxy = http://corp:8080\ntries = 3\nca_certificate = " +
                              (facts_.folder / "roots.pem").string() + "\nuse_proxy = on\nhttps_proxy = " +
                              facts_.proxy_url + "\nhttp_proxy = " + facts_.proxy_url +
                              "\nno_proxy = localhost,127.0.0.1,::1,[::1]\n");
}

TEST_F(ChildEnvironment, PrefersTheWgetrcThatTheParentNames) {
  file(".wgetrc", "tries = 3\n");
  run({{"HOME", root_.path().string()}, {"WGETRC", file("own", "tries = 4\n")}});
  EXPECT_THAT(in("WGETRC"), testing::StartsWith("tries = 4\nca_certificate"));
}

TEST_F(ChildEnvironment, AddsAFolderToThoseThatPhpScans) {
  const std::string folder = (facts_.folder / "php").string();
  run({});
  EXPECT_EQ((*this)["PHP_INI_SCAN_DIR"], ":" + folder);
  const std::string roots = (facts_.folder / "roots.pem").string();
  EXPECT_EQ(test::read_text(folder + "/standin.ini"),
            "openssl.cafile = \"" + roots + "\"\ncurl.cainfo = \"" + roots + "\"\n");
  fs::remove_all(facts_.folder);
  fs::create_directory(facts_.folder);
  run({{"PHP_INI_SCAN_DIR", "/a:/b"}});
  EXPECT_EQ((*this)["PHP_INI_SCAN_DIR"], "/a:/b:" + folder);
  fs::remove_all(facts_.folder);
  fs::create_directory(facts_.folder);
  run({{"PHP_INI_SCAN_DIR", ""}});
  EXPECT_EQ((*this)["PHP_INI_SCAN_DIR"], folder);
}

TEST_F(ChildEnvironment, WritesFilesThatOnlyTheUserCanRead) {
  const mode_t mask = umask(0);
  run({});
  umask(mask);
  for (const char* name : {"ca.pem", "roots.pem", "wgetrc", "php/standin.ini"}) {
    EXPECT_EQ(fs::status(facts_.folder / name).permissions(), fs::perms(0600)) << name;
  }
  EXPECT_EQ(fs::status(facts_.folder / "php").permissions(), fs::perms(0700));
}

TEST_F(ChildEnvironment, FollowsNoLinkThatSomebodyPutThere) {
  const auto victim = file("victim", "precious");
  fs::create_symlink(victim, facts_.folder / "roots.pem");
  EXPECT_THROW(run({}), Error);
  EXPECT_EQ(test::read_text(victim), "precious");
}

TEST_F(ChildEnvironment, SaysWhereItCannotWrite) {
  fs::remove_all(facts_.folder);
  try {
    run({});
    FAIL() << "written nowhere";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::io);
    EXPECT_EQ(std::string(error.what()),
              "cannot write " + (facts_.folder / "ca.pem").string() + ": No such file or directory");
  }
}

TEST_F(ChildEnvironment, SaysThatTheDiskIsFull) {
  // A file-size limit ends a write in the middle, as a full disk does; in a process of its own.
  const pid_t pid = fork();
  if (pid == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{30, 30};
    setrlimit(RLIMIT_FSIZE, &limit);
    try {
      run({});
      _exit(1);
    } catch (const Error& error) {
      _exit(error.kind() == Error::Kind::io &&
                    std::string(error.what()).ends_with("roots.pem: File too large")
                ? 0
                : 2);
    }
  }
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace standin::broker
