#pragma once

#include "cli/arguments.h"
#include "cli/output.h"

namespace standin::cli {

/// `standin version`; with --json also the libraries it was built with.
int version_command(const PlainArguments& arguments, Output& out);

}  // namespace standin::cli
