#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "cli/capture.h"

namespace standin::cli {

enum class Everything : std::uint8_t { no, yes };

/// What `standin run` was asked for.
struct RunArguments {
  std::vector<std::string> with;                               // --with NAME
  Everything all = Everything::no;                             // --all
  std::vector<std::pair<std::string, std::string>> variables;  // --env VAR=NAME
  CaptureWish capture = CaptureWish::automatic;
  std::string egress = "guarded";      // guarded, locked, open
  std::vector<std::string> allow_net;  // --allow-net CIDR|HOST
  std::vector<std::string> command;    // exactly as given; never empty
};

/// Runs it; returns run's exit status (cli/exit_status.h). Writes nothing to stdout.
int run_command(const RunArguments& arguments);

}  // namespace standin::cli
