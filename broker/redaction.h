#pragma once

#include <string>
#include <string_view>

#include "broker/recogniser.h"

namespace standin::broker {

/// `target` as the audit log may hold it: the path and the names of query parameters, their values, user
/// and password in front of a host, and everything that is a stand-in replaced by "…", what is not printable
/// ASCII percent-encoded, cut to 1 KiB (and "…"). Valid UTF-8 whatever comes in.
std::string redact_target(std::string_view target, const Recogniser& recogniser);

}  // namespace standin::broker
