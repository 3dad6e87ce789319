#include "cli/open_vault.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "cli/error.h"
#include "cli/messages.h"
#include "cli/secret_source.h"
#include "cli/suggestion.h"
#include "cli/terminal.h"

namespace standin::cli {
namespace {

using vault::Vault;

/// The key that the environment names, if any: the file goes first.
std::optional<vault::Unlock> unlock_of_environment(const Places& places, std::optional<vault::Secret> value) {
  const char* file = std::getenv("STANDIN_KEY_FILE");  // NOLINT(concurrency-mt-unsafe): one thread
  if (file != nullptr && *file != '\0') return vault::KeyFile{places.key};
  if (value) return vault::KeyValue{std::move(*value)};
  return std::nullopt;
}

vault::Unlock ask_passphrase(const Places& places) {
  if (!is_terminal(STDIN_FILENO)) {
    throw vault::Error(vault::Error::Kind::locked_out,
                       "the vault " + in_quotes(places.vault.native()) +
                           " opens with a passphrase, and there is no terminal to ask on",
                       "set STANDIN_KEY_FILE or STANDIN_KEY, or make the vault with '--key keyfile'");
  }
  return vault::Passphrase{ask_hidden("passphrase of the vault: ")};
}

vault::Unlock new_passphrase() {
  if (!is_terminal(STDIN_FILENO)) {
    throw Error(Error::Kind::input, "a passphrase is asked for on a terminal, and stdin is none",
                "use '--key keyfile', or set STANDIN_KEY");
  }
  vault::Secret first = ask_hidden("new passphrase: ");
  if (first.empty()) throw Error(Error::Kind::input, "the passphrase is empty");
  constexpr std::size_t short_one = 12;
  if (first.size() < short_one) {
    print_warning("a passphrase of fewer than 12 characters can be guessed by whoever has the vault's file",
                  "five random words are easy to keep in mind");
  }
  if (ask_hidden("the same again: ") != first) throw Error(Error::Kind::input, "the two passphrases differ");
  return vault::Passphrase{std::move(first)};
}

/// A key file made by others (a CI host, a volume of secrets) is taken, under the same rules as ours.
vault::Unlock key_of_existing_file(const Places& places) {
  struct stat status {};
  const std::string path = places.key.native();
  if (::stat(path.c_str(), &status) == 0 && (status.st_mode & 077U) != 0) {
    throw vault::Error(vault::Error::Kind::permissions, "others can read the key file " + in_quotes(path),
                       "chmod 600 " + printable(path));
  }
  return vault::KeyValue{read_secret_file(path)};
}

struct NewKey {
  vault::Unlock unlock;
  std::string in_words;
};

NewKey new_key(const Places& places, InitArguments::Key key) {
  auto given = unlock_of_environment(places, take_secret_variable("STANDIN_KEY"));
  if (key == InitArguments::Key::passphrase) return {new_passphrase(), "a passphrase"};
  if (given && std::holds_alternative<vault::KeyValue>(*given))
    return {std::move(*given), "the value of STANDIN_KEY"};
  const bool is_there = given && ::access(places.key.c_str(), F_OK) == 0;
  return {is_there ? key_of_existing_file(places) : vault::KeyFile{places.key}, places.key.native()};
}

}  // namespace

Vault open_vault(const Places& places, std::optional<vault::Secret> key) {
  if (const auto unlock = unlock_of_environment(places, std::move(key)))
    return Vault::open(places.vault, *unlock);
  const auto slots = Vault::slots(places.vault);
  const auto has = [&](vault::SlotKind kind) {
    return std::find(slots.begin(), slots.end(), kind) != slots.end();
  };
  const bool asks = has(vault::SlotKind::passphrase) &&
                    (!has(vault::SlotKind::key_file) || ::access(places.key.c_str(), F_OK) != 0);
  return Vault::open(places.vault, asks ? ask_passphrase(places) : vault::KeyFile{places.key});
}

CreatedVault create_vault(const Places& places, InitArguments::Key key) {
  // Asked before anything else is: nobody should think up a passphrase for nothing.
  if (::access(places.vault.c_str(), F_OK) == 0) {
    throw vault::Error(vault::Error::Kind::exists,
                       "there is a vault already at " + in_quotes(places.vault.native()),
                       "see what is in it with 'standin list'");
  }
  const NewKey made = new_key(places, key);
  return {Vault::create(places.vault, made.unlock), made.in_words};
}

vault::Entry existing_entry(const Vault& vault, const std::string& name) {
  if (auto entry = vault.find(name)) return std::move(*entry);
  std::vector<std::string> names;
  for (const auto& entry : vault.entries()) names.push_back(entry.name);
  const std::string near = did_you_mean(name, names);
  throw vault::Error(vault::Error::Kind::not_found, "no credential named " + in_quotes(name),
                     near.empty() ? "see 'standin list', or add it with 'standin add NAME'" : near);
}

}  // namespace standin::cli
