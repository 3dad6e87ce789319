#include "cli/secret_source.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "cli/error.h"
#include "cli/messages.h"
#include "cli/terminal.h"
#include "vault/descriptor.h"
#include "vault/vault.h"

namespace standin::cli {
namespace {

constexpr std::size_t max_size = vault::Vault::max_secret_bytes;

Error cannot_read(const std::string& where, int reason) {
  return {Error::Kind::input,
          "cannot read the secret from " + where + ": " + std::generic_category().message(reason)};
}

/// Straight into wiped memory: no stdio buffer in between.
vault::Secret read_all(int descriptor, const std::string& where) {
  vault::Secret buffer(max_size + 3);  // a line end, and one byte that tells of too much
  std::size_t size = 0;
  buffer.fill([&](std::span<std::byte> bytes) {
    while (size < bytes.size()) {
      const ssize_t n = ::read(descriptor, bytes.data() + size, bytes.size() - size);
      if (n == 0) return;
      if (n > 0) size += static_cast<std::size_t>(n);
      if (n < 0 && errno != EINTR) throw cannot_read(where, errno);
    }
  });
  return buffer.reveal(
      [&](std::span<const std::byte> bytes) { return vault::Secret::copy_of(bytes.first(size)); });
}

vault::Secret without_line_end(vault::Secret secret) {
  secret.reveal([&](std::span<const std::byte> bytes) {
    std::size_t size = bytes.size();
    if (size > 0 && bytes[size - 1] == std::byte{'\n'}) {
      --size;
      if (size > 0 && bytes[size - 1] == std::byte{'\r'}) --size;
    }
    secret.truncate(size);
  });
  return secret;
}

vault::Secret checked(vault::Secret secret, const std::string& where) {
  secret = without_line_end(std::move(secret));
  if (secret.empty()) throw Error(Error::Kind::input, "the secret from " + where + " is empty");
  if (secret.size() > max_size)
    throw Error(Error::Kind::input, "the secret from " + where + " is larger than 1 MiB");
  return secret;
}

vault::Secret read_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): one thread
  if (value == nullptr) throw Error(Error::Kind::input, "the variable " + in_quotes(name) + " is not set");
  return vault::Secret::copy_of(std::as_bytes(std::span(value, ::strlen(value))));
}

/// /bin/sh -c COMMAND with its stdout in a pipe.
pid_t spawn_shell(const std::string& command, int standard_output) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, standard_output, STDOUT_FILENO);
  ::posix_spawnattr_init(&attributes);
  sigset_t standard;
  sigemptyset(&standard);
  sigaddset(&standard, SIGPIPE);  // we ignore it, and that would be inherited
  ::posix_spawnattr_setsigdefault(&attributes, &standard);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  std::string shell = "sh", flag = "-c", text = command;
  const std::array<char*, 4> arguments{shell.data(), flag.data(), text.data(), nullptr};
  pid_t child = -1;
  const int failure = ::posix_spawn(&child, "/bin/sh", &actions, &attributes, arguments.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) throw cannot_read("the command", failure);
  return child;
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw cannot_read("the command", errno);
  }
  return status;
}

void check_ended_well(int status) {
  if (WIFSIGNALED(status)) {
    throw Error(Error::Kind::input,
                "the command of --from was ended by signal " + std::to_string(WTERMSIG(status)));
  }
  if (WEXITSTATUS(status) != 0) {
    throw Error(Error::Kind::input,
                "the command of --from ended with status " + std::to_string(WEXITSTATUS(status)));
  }
}

vault::Secret read_command(const std::string& command) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw cannot_read("the command", errno);
  vault::Descriptor reader(ends[0]);
  vault::Descriptor writer(ends[1]);
  const pid_t child = spawn_shell(command, writer.get());
  writer.close();
  vault::Secret secret = read_all(reader.get(), "the command");
  reader.close();
  const bool too_much = secret.size() > max_size + 2;  // it may go on for ever; checked() tells of it
  if (too_much) ::kill(child, SIGTERM);
  const int status = wait_for(child);
  if (!too_much) check_ended_well(status);
  return secret;
}

vault::Secret read_standard_input(const SecretSource& source, std::string_view prompt) {
  if (source.kind == SecretSource::Kind::unsaid && is_terminal(STDIN_FILENO)) return ask_hidden(prompt);
  if (is_terminal(STDIN_FILENO)) {
    print_warning("reading the secret from a terminal that shows it, until ^D",
                  "leave out '--from stdin' for a hidden prompt");
  }
  return read_all(STDIN_FILENO, "stdin");
}

}  // namespace

SecretSource SecretSource::parse(std::string_view text) {
  if (text == "stdin") return {Kind::standard_input, {}};
  const auto colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  const std::string rest(colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1));
  if (!rest.empty() && kind == "env") return {Kind::variable, rest};
  if (!rest.empty() && kind == "file") return {Kind::file, rest};
  if (!rest.empty() && kind == "cmd") return {Kind::command, rest};
  // Not shown: somebody who takes it for the place to put the secret has just typed it.
  throw Error(Error::Kind::usage, "--from takes stdin, env:VAR, file:PATH or cmd:COMMAND",
              "never the secret itself: arguments can be read by every process of the machine");
}

vault::Secret read_secret(const SecretSource& source, std::string_view prompt) {
  switch (source.kind) {
    case SecretSource::Kind::variable:
      return checked(read_variable(source.text), "the variable");
    case SecretSource::Kind::file:
      return checked(read_secret_file(source.text), "the file");
    case SecretSource::Kind::command:
      return checked(read_command(source.text), "the command");
    case SecretSource::Kind::unsaid:
    case SecretSource::Kind::standard_input:
      break;
  }
  return checked(read_standard_input(source, prompt), "stdin");
}

vault::Secret read_secret_file(const std::string& path) {
  const vault::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file.is_open()) throw cannot_read("the file " + in_quotes(path), errno);
  return read_all(file.get(), "the file " + in_quotes(path));
}

std::optional<vault::Secret> take_secret_variable(const char* name) {
  const std::string_view wanted(name);
  std::optional<vault::Secret> secret;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (!text.starts_with(wanted) || text.substr(wanted.size(), 1) != "=") continue;
    const std::span value(*entry + wanted.size() + 1, text.size() - wanted.size() - 1);
    // The first one counts, as for getenv(); a second one is wiped all the same.
    if (!secret) secret = vault::Secret::copy_of(std::as_bytes(value));
    ::explicit_bzero(value.data(), value.size());
  }
  if (secret) ::unsetenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  if (secret && secret->empty()) return std::nullopt;
  return secret;
}

}  // namespace standin::cli
