#pragma once

#include "cli/arguments.h"
#include "cli/output.h"

namespace standin::cli {

/// `standin providers [NAME]`: the catalogue. Throws broker::Error(unknown_provider).
int providers_command(const ProvidersArguments& arguments, Output& out);

}  // namespace standin::cli
