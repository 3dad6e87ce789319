#pragma once

#include "cli/arguments.h"
#include "cli/output.h"

// The commands of the vault. Each change is recorded before it is made: a vault that is changed in a way the
// log doesn't know of can't be; where the change then fails, `change_failed` follows.
// Throw vault::Error, broker::Error, proxy::Error and cli::Error, with the vault as it was.

namespace standin::cli {

int init_command(const InitArguments& arguments, Output& out);
int add_command(const ScopeArguments& arguments, Output& out);
int edit_command(const ScopeArguments& arguments, Output& out);
int rotate_command(const RotateArguments& arguments, Output& out);
int rename_command(const RenameArguments& arguments, Output& out);
int remove_command(const NameArguments& arguments, Output& out);

int list_command(const ListArguments& arguments, Output& out);
int show_command(const NameArguments& arguments, Output& out);

}  // namespace standin::cli
