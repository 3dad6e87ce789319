#pragma once

#include <filesystem>

#include "broker/child_environment.h"

namespace standin::broker {

/// Makes every JVM of the child trust what is in `roots` (PEM): writes `roots.p12` (0600) into the run's
/// folder and appends it to JAVA_TOOL_OPTIONS. What a trust store of the parent's holds is merged into it.
/// JDK_JAVA_OPTIONS and _JAVA_OPTIONS go before JAVA_TOOL_OPTIONS: where they name a trust store, they get
/// the run's as well.
///
/// A trust store of the parent's that can't be read stays the one that counts: nothing is appended, and
/// facts.warn is told. Throws Error(io).
void set_java(Environment& child, const RunFacts& facts, const std::filesystem::path& roots);

}  // namespace standin::broker
