#include "cli/doctor.h"

#include <unistd.h>

#include <array>

#include <nlohmann/json.hpp>

#include "cli/credential_view.h"
#include "cli/doctor_checks.h"
#include "cli/exit_status.h"
#include "cli/messages.h"
#include "cli/terminal.h"

namespace standin::cli {
namespace {

struct Look {
  const char* name;
  const char* colour;
};

Look look_of(Diagnosis::Level level) {
  constexpr std::array<Look, 4> looks{Look{"ok", "\x1b[32m"}, Look{"info", "\x1b[36m"},
                                      Look{"warn", "\x1b[33m"}, Look{"fail", "\x1b[31m"}};
  return looks.at(static_cast<std::size_t>(level));
}

void print_readable(const std::vector<Diagnosis>& all, Output& out) {
  std::size_t width = 0;
  for (const Diagnosis& one : all) width = std::max(width, one.subject.size());
  const bool coloured = may_colour(out.descriptor());
  for (const Diagnosis& one : all) {
    const auto [name, colour] = look_of(one.level);
    std::string line(coloured ? colour : "");
    line.append(name).append(coloured ? "\x1b[0m" : "").append(6 - std::string_view(name).size(), ' ');
    line.append(one.subject).append(width - one.subject.size() + 2, ' ').append(printable(one.text));
    out.line(line);
    if (!one.remedy.empty()) out.line(std::string(width + 8, ' ') + "do: " + printable(one.remedy));
  }
}

nlohmann::json to_json(const std::vector<Diagnosis>& all) {
  auto list = nlohmann::json::array();
  for (const Diagnosis& one : all) {
    list.push_back({{"level", look_of(one.level).name},
                    {"subject", one.subject},
                    {"text", one.text},
                    {"remedy", one.remedy.empty() ? nlohmann::json() : nlohmann::json(one.remedy)}});
  }
  return list;
}

}  // namespace

std::vector<Diagnosis> diagnose(const Places& places) {
  auto capture = check_kernel_capture();  // before the vault: it forks
  std::vector<Diagnosis> all;
  const auto add = [&all](std::vector<Diagnosis> some) {
    std::move(some.begin(), some.end(), std::back_inserter(all));
  };
  add(check_vault_and_log(places));
  all.push_back(check_runtime_folder(places));
  all.push_back(check_loopback());
  add(check_trust_roots());
  all.push_back(check_clock(places));
  add(check_upstream_proxies());
  add(std::move(capture));
  return all;
}

int doctor_command(const PlainArguments& arguments, Output& out) {
  const auto all = diagnose(Places::find());
  if (arguments.format == Format::json) {
    print_json(to_json(all), out);
  } else {
    print_readable(all, out);
  }
  for (const Diagnosis& one : all) {
    if (one.level == Diagnosis::Level::fail) return exit_failed;
  }
  return exit_ok;
}

}  // namespace standin::cli
