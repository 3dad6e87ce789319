#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "cli/output.h"
#include "cli/places.h"

namespace standin::cli {

/// What one check of `standin doctor` found.
struct Diagnosis {
  enum class Level : std::uint8_t { ok, info, warn, fail };
  Level level;
  std::string subject;  // "vault"
  std::string text;     // one line, lower case
  std::string remedy;   // what to do; empty where all is well
};

/// All checks, in the order of a first reading. Changes nothing but for folders that a run would make.
std::vector<Diagnosis> diagnose(const Places& places);

/// `standin doctor`: returns 1 where something fails.
int doctor_command(const PlainArguments& arguments, Output& out);

}  // namespace standin::cli
