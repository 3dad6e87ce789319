#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "vault/secret.h"

namespace standin::cli {

/// Where a secret is read from: --from stdin|env:VAR|file:PATH|cmd:COMMAND. Never an argument: the whole
/// machine can read those.
struct SecretSource {
  enum class Kind { unsaid, standard_input, variable, file, command };
  Kind kind = Kind::unsaid;
  std::string text;  // the variable, the path, or the command for /bin/sh

  /// Throws Error(usage) with the four forms.
  static SecretSource parse(std::string_view text);
};

/// Reads a secret: bytes as they are, NUL and line feeds too, less one line feed (or CR LF) at the end. Where
/// it is unsaid: stdin, or a hidden prompt where that is a terminal. What a command says on stderr is passed
/// on. Throws Error(input): nothing there, empty, over vault::Vault::max_secret_bytes, a command that failed.
/// Hold SIGPIPE ignored.
vault::Secret read_secret(const SecretSource& source, std::string_view prompt);

/// All of the file, with no line feed taken off. Throws Error(input).
vault::Secret read_secret_file(const std::string& path);

/// Moves an environment variable's value out of the environment: the place where it stood, which
/// /proc/PID/environ shows, is wiped. nullopt where it is unset or empty.
std::optional<vault::Secret> take_secret_variable(const char* name);

}  // namespace standin::cli
