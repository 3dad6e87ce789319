#pragma once

#include <string>

#include "broker/audit_query.h"

namespace standin::cli {

enum class Colour : bool { no, yes };

/// The columns' names, over lines of audit_line().
[[nodiscard]] std::string audit_heading(Colour colour);

/// A record as a person reads it, on one line. Records stream, so the columns have fixed widths, and those
/// that vary stand at the end:
///
///     2026-03-01 09:15:13  use_done            github        200   143.2 ms  GET https://api.github.com/user
///
/// What a record holds may come from a hostile program: nothing of it can write on the terminal.
[[nodiscard]] std::string audit_line(const broker::AuditEntry& entry, Colour colour);

}  // namespace standin::cli
