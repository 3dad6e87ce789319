#pragma once

#include "cli/arguments.h"
#include "cli/output.h"

namespace standin::cli {

/// `standin audit` and `standin audit verify`. Asking needs no key; verifying opens the vault. Returns 1
/// where the log is not intact. Throws broker::Error, vault::Error, cli::Error.
int audit_command(const AuditArguments& arguments, Output& out);

}  // namespace standin::cli
