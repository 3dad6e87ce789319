#pragma once

#include <stdexcept>
#include <string>

namespace standin::cli {

/// The one fault type of the cli room. what() is one lower-case line without a full stop; hint() may be
/// empty. Neither ever holds a secret.
class Error : public std::runtime_error {
 public:
  enum class Kind {
    usage,        // the arguments are off: exit status 2
    input,        // a secret, or another answer, can't be had
    output,       // stdout can't be written
    environment,  // the system or a variable of ours: no home, a runtime folder of someone else's
    refused,      // it is known, and not done
  };

  Error(Kind kind, const std::string& message, std::string hint = {})
      : std::runtime_error(message), kind_(kind), hint_(std::move(hint)) {}

  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  [[nodiscard]] const std::string& hint() const noexcept { return hint_; }

 private:
  Kind kind_;
  std::string hint_;
};

}  // namespace standin::cli
