#pragma once

#include <string>

namespace standin::cli {

/// What a fault of any room has to tell a person. Kept apart from main(), because `run` tells of its faults
/// in a process that never gets back there.
struct Fault {
  enum class Blame { arguments, elsewhere };

  std::string what;
  std::string hint;
  Blame blame = Blame::elsewhere;
};

/// The exception that is being handled: to be called in a catch block. One that is no std::exception is none
/// of ours, and goes on its way.
[[nodiscard]] Fault current_fault();

/// Prints its error line and its hint.
void print_fault(const Fault& fault);

}  // namespace standin::cli
