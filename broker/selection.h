#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "broker/credential.h"
#include "broker/error.h"
#include "vault/vault.h"

namespace standin::broker {

/// Which credentials a run asks for (docs/standin.1.md, "Which credentials a run gets").
struct Selection {
  std::vector<std::string> with = {};  // --with
  bool all = false;                    // --all
  std::vector<std::pair<std::string, std::string>> variables =
      {};  // --env VAR=NAME: a further variable for NAME
};

/// The credentials of the run, in the vault's order: those of `with`; or all; or those meant for `command` by
/// their own globs or their provider's. `--env` adds NAME where it is not selected otherwise, and VAR is then
/// NAME's alone, whoever has it in the vault.
///
/// Throws Error(unknown_credential); Error(no_credentials) with the list and the flags; Error(bad_scope) for
/// a VAR that is not allowed, and where two of the credentials have the same variable; Error(bad_record)
/// where the scope of one that is looked at can't be read.
std::vector<Credential> select_credentials(const vault::Vault& vault, const Selection& selection,
                                           std::span<const std::string> command);

/// The glob of `credential`, else of its provider, that is meant for the command; null where none is. Owned
/// by the credential or the catalogue.
const std::string* glob_for_command(const Credential& credential, std::span<const std::string> command);

}  // namespace standin::broker
