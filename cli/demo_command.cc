#include "cli/demo_command.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include <nlohmann/json.hpp>
#include <sodium.h>

#include "broker/audit_log.h"
#include "broker/audit_query.h"
#include "broker/credential.h"
#include "cli/demo_child.h"
#include "cli/demo_origin.h"
#include "cli/error.h"
#include "cli/exit_status.h"
#include "cli/messages.h"
#include "cli/places.h"
#include "cli/terminal.h"
#include "proxy/certificate_authority.h"
#include "vault/descriptor.h"
#include "vault/vault.h"

namespace standin::cli {

namespace {

namespace fs = std::filesystem;

/// A home of its own, gone with it.
class ThrowAwayHome {
 public:
  ThrowAwayHome() {
    std::string pattern = (fs::temp_directory_path() / "standin-demo-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) {
      throw Error(Error::Kind::environment, "cannot make a folder in " + fs::temp_directory_path().string() +
                                                ": " + std::generic_category().message(errno));
    }
    path_ = pattern;
  }
  ~ThrowAwayHome() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ThrowAwayHome(const ThrowAwayHome&) = delete;
  [[nodiscard]] const fs::path& path() const noexcept { return path_; }

 private:
  fs::path path_;
};

/// A secret in the shape of a GitHub token. Only a demonstration may print one, shortened.
std::string made_up_secret() {
  static constexpr std::string_view letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::string secret = "ghp_";
  while (secret.size() < 40)
    secret += letters[randombytes_uniform(static_cast<std::uint32_t>(letters.size()))];
  return secret;
}

vault::Secret as_secret(const std::string& text) {
  return vault::Secret::copy_of(std::as_bytes(std::span(text)));
}

void add_credential(vault::Vault& vault, const std::string& name, const std::string& origin,
                    const std::string& variable, const std::string& secret) {
  broker::Credential credential;
  credential.name = name;
  credential.origins = {broker::parse_origin(origin)};
  credential.sites = {broker::Site{}};
  credential.variables = {variable};
  credential.shape = {"ghp_", "alnum", 36};
  vault.add(name, credential.to_scope(), as_secret(secret));
}

struct Ran {
  int status = 0;
  std::string printed;
  std::string said;  // on stderr
};

vault::Descriptor scratch_file(const fs::path& path) {
  vault::Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.is_open())
    throw Error(Error::Kind::environment,
                "cannot make " + path.string() + ": " + std::generic_category().message(errno));
  return file;
}

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// This program again: `standin run --all -- standin demo child ORIGIN...`.
Ran run_child(const fs::path& home, const fs::path& roots, const std::vector<std::string>& origins) {
  const vault::Descriptor printed = scratch_file(home / "stdout");
  const vault::Descriptor said = scratch_file(home / "stderr");
  const std::string self = fs::read_symlink("/proc/self/exe").string();
  std::vector<std::string> words = {"standin", "run", "--all", "--", self, "demo", "child"};
  words.insert(words.end(), origins.begin(), origins.end());
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  ::setenv("STANDIN_HOME", home.c_str(), 1);
  for (const char* name : {"STANDIN_KEY_FILE", "STANDIN_KEY", "STANDIN_AUDIT_DIR", "SSL_CERT_DIR"})
    ::unsetenv(name);
  ::setenv("SSL_CERT_FILE", roots.c_str(), 1);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, printed.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, said.get(), STDERR_FILENO);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, self.c_str(), &actions, nullptr, arguments.data(), ::environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0)
    throw Error(Error::Kind::environment,
                "cannot run " + self + ": " + std::generic_category().message(error));
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return {WIFEXITED(status) ? WEXITSTATUS(status) : exit_signal_base + WTERMSIG(status),
          text_of(home / "stdout"), text_of(home / "stderr")};
}

/// Changes one byte of the newest record that tells of a use.
void tamper_with(const fs::path& folder) {
  for (const auto& file : fs::directory_iterator(folder)) {
    std::fstream log(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(log)), {});
    const auto at = text.find("\"credential\":\"github\"");
    if (at == text.npos) continue;
    log.clear();
    log.seekp(static_cast<std::streamoff>(at + std::strlen("\"credential\":\"")));
    log.put('G');
  }
}

/// Tells the story, line by line, and remembers whether all of it was true.
class Story {
 public:
  explicit Story(Output& out) : out_(out), colour_(may_colour(out.descriptor())) {}

  void heading(std::string_view text) { out_.line(paint("1", text)); }
  void tell(std::string_view who, std::string_view what) { line("  ", who, what); }
  void check(bool holds, std::string_view who, std::string_view what) {
    all_held_ = all_held_ && holds;
    line(holds ? paint("32", "✓ ") : paint("31", "✗ "), who, what);
  }
  void gap() { out_.line(""); }
  [[nodiscard]] bool all_held() const noexcept { return all_held_; }

 private:
  std::string paint(std::string_view code, std::string_view text) const {
    return colour_ ? "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m" : std::string(text);
  }
  void line(std::string_view mark, std::string_view who, std::string_view what) {
    std::string padded(who);
    padded.resize(std::max<std::size_t>(padded.size(), 19), ' ');
    out_.line(std::string(mark) + paint("2", padded) + std::string(what));
  }
  Output& out_;
  bool colour_;
  bool all_held_ = true;
};

std::string shortened(const std::string& token) {
  return token.substr(0, 15) + "…" + token.substr(token.size() - 4);
}

std::string reversed(std::string text) { return {text.rbegin(), text.rend()}; }

}  // namespace

// Longer than it should be, because it is a story: first what happens, then what everybody saw.
int demo_command(Output& out) {
  if (sodium_init() < 0) throw Error(Error::Kind::environment, "libsodium can't be used here");
  const ThrowAwayHome home;
  const proxy::OriginPattern localhost = proxy::OriginPattern::parse("localhost");
  proxy::CertificateAuthority authority({&localhost, 1});
  const fs::path roots = home.path() / "origin-ca.pem";
  std::ofstream(roots) << authority.pem();
  DemoOrigin github(authority);
  DemoOrigin other(authority);
  DemoOrigin stranger(authority);

  ::setenv("STANDIN_HOME", home.path().c_str(), 1);
  for (const char* name : {"STANDIN_KEY_FILE", "STANDIN_AUDIT_DIR"}) ::unsetenv(name);
  const Places places = Places::find();
  vault::Vault vault = vault::Vault::create(places.vault, vault::KeyFile{places.key});
  const std::string secret = made_up_secret();
  add_credential(vault, "github", github.authority(), "DEMO_TOKEN", secret);
  add_credential(vault, "other", other.authority(), "OTHER_TOKEN", made_up_secret());

  Story story(out);
  story.heading("standin demo: a program uses a secret that it never has");
  story.gap();
  story.tell("the vault",
             shortened(secret) + "  as \"github\", for https://" + github.authority() + " alone");
  story.tell("the command", "standin run --all -- client");

  const Ran ran =
      run_child(home.path(), roots, {github.authority(), other.authority(), stranger.authority()});
  const auto told = nlohmann::json::parse(ran.printed, nullptr, false);
  if (told.is_discarded() || !told.contains("answers") || told["answers"].size() != 3) {
    throw Error(Error::Kind::environment,
                "the demonstration's client did not get through (status " + std::to_string(ran.status) +
                    "): " + ran.said,
                "see 'standin doctor'");
  }
  const std::string token = told["token"];
  const auto& answers = told["answers"];
  const auto at_github = github.received();
  const auto at_stranger = stranger.received();

  story.check(token != secret && token.starts_with("ghp_") && token.size() == secret.size(), "the client had",
              shortened(token) + "  a stand-in: same shape, worthless elsewhere");
  story.check(std::string(told["given"]).find(secret) == std::string::npos &&
                  ran.printed.find(secret) == std::string::npos,
              "", "no secret in its environment or arguments");
  story.gap();
  story.check(at_github.size() == 1 && at_github[0] == "Bearer " + secret && answers[0]["status"] == 200,
              "its own origin",
              "got " + (at_github.empty() ? "nothing" : shortened(at_github[0].substr(7))) +
                  "  swapped at the boundary, answered 200");
  story.check(answers[0]["body"] == reversed("Bearer " + secret), "",
              "and its answer came back byte for byte");
  story.check(
      other.received().empty() && answers[1]["status"] == 403 && answers[1]["error"] == "wrong_origin",
      "another's origin", "got nothing  refused: 403 wrong_origin");
  story.check(at_stranger.size() == 1 && at_stranger[0] == "Bearer " + token, "an unbound origin",
              "got " + (at_stranger.empty() ? "nothing" : shortened(at_stranger[0].substr(7))) +
                  "  inert text, and not decrypted on the way");
  story.check(ran.status == demo_child_status, "exit status",
              std::to_string(ran.status) + ", the client's own");
  story.gap();

  std::string events;
  broker::query_audit(places.audit, {}, [&](const broker::AuditEntry& entry) {
    events += (events.empty() ? "" : ", ") + entry.event;
    return true;
  });
  const auto key = vault.derive_key("audit");
  const bool intact = broker::verify_audit(places.audit, key).intact();
  story.check(events.find("use, ") != std::string::npos && events.find("refused") != std::string::npos,
              "the audit log", events);
  story.check(intact, "", "its chain of records verifies");
  tamper_with(places.audit);
  story.check(!broker::verify_audit(places.audit, key).intact(), "",
              "and no longer does when one byte is changed");
  story.gap();
  if (!story.all_held()) {
    out.flush();
    print_error("a promise did not hold: see the line marked ✗",
                "please report it, with 'standin version' and 'standin doctor'");
    return exit_failed;
  }
  story.tell("your turn", "standin init && standin add github");
  story.tell("", "standin run -- npx -y @modelcontextprotocol/server-github");
  return exit_ok;
}

}  // namespace standin::cli
