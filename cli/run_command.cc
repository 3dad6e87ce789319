#include "cli/run_command.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "broker/audit_log.h"
#include "broker/broker.h"
#include "broker/child_environment.h"
#include "broker/error.h"
#include "cli/error.h"
#include "cli/exit_status.h"
#include "cli/guardian.h"
#include "cli/held_secrets.h"
#include "cli/messages.h"
#include "cli/open_vault.h"
#include "cli/places.h"
#include "cli/run_capture.h"
#include "cli/run_folder.h"
#include "cli/secret_source.h"
#include "proxy/proxy.h"

namespace standin::cli {

namespace {

broker::Environment current_environment() {
  broker::Environment environment;
  for (char** at = ::environ; at && *at; ++at) {
    const std::string_view entry = *at;
    const auto equals = entry.find('=');
    if (equals == entry.npos) continue;
    environment.emplace_back(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return environment;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// The company's proxy, by the names that curl and Go look for, in their order: lower case first. HTTP_PROXY
/// in upper case is left alone where standin runs as a CGI program, whose client could set it ("httpoxy").
std::optional<proxy::UpstreamProxy> company_proxy(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (std::string_view(name) == "HTTP_PROXY" && std::getenv("REQUEST_METHOD")) continue;
    if (const std::string url = variable(name); !url.empty()) return proxy::UpstreamProxy::parse(name, url);
  }
  return std::nullopt;
}

proxy::UpstreamRoute upstream_route() {
  const std::string lower = variable("no_proxy");
  return {.https = company_proxy({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}),
          .http = company_proxy({"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"}),
          .no_proxy = proxy::NoProxy(lower.empty() ? variable("NO_PROXY") : lower)};
}

/// The command as the log names it: its program, and the glob by which a credential is meant for an argument
/// of it. Not the argument, which may hold anything, a secret among it.
std::string command_in_log(const std::vector<std::string>& command,
                           std::span<const broker::Credential> credentials) {
  const std::string name = command.front().substr(command.front().rfind('/') + 1);
  for (std::size_t i = 1; i < command.size(); ++i) {
    const std::array<std::string, 2> alone = {"-", command[i]};
    for (const auto& credential : credentials) {
      if (const auto* glob = broker::glob_for_command(credential, alone)) return name + " " + *glob;
    }
  }
  return name;
}

/// Two descriptors a connection: as many as the system lets us have. The child, forked before, keeps its
/// limit.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

using Variables = std::vector<std::pair<std::string, std::string>>;

Variables stand_in_variables(std::span<const broker::Credential> credentials, const broker::Broker& broker) {
  Variables variables;
  for (std::size_t i = 0; i < credentials.size(); ++i) {
    for (const auto& name : credentials[i].variables) variables.emplace_back(name, broker.stand_ins()[i]);
  }
  return variables;
}

/// What else of the parent's has a secret of this run in it: the command gets its stand-in there, too.
void replace_held_secrets(const HeldSecrets& held, broker::Environment& environment,
                          const broker::Broker& broker, const Variables& variables) {
  for (const auto& [name, credential] : held.replace_in(environment, broker.stand_ins())) {
    const bool is_set = std::ranges::find(variables, name, &Variables::value_type::first) != variables.end();
    if (is_set || name.starts_with("STANDIN_")) continue;
    print_warning("the variable " + in_quotes(name) + " holds the secret of " + in_quotes(credential) +
                      ": the command gets its stand-in there",
                  "unset it before 'standin run'");
  }
}

/// Arguments are passed exactly, so this can only be told. Mostly a shell has put it there: the one in front
/// of standin, which was to leave "$TOKEN" alone.
void warn_of_arguments(const HeldSecrets& held, std::span<const std::string> command) {
  for (std::size_t i = 0; i < command.size(); ++i) {
    const std::string credential = held.in(command[i]);
    if (credential.empty()) continue;
    print_warning(
        "argument " + std::to_string(i) + " of the command holds the secret of " + in_quotes(credential),
        "name the variable where the command's own shell reads it: standin run -- sh -c '... \"$TOKEN\"'");
  }
}

void record_start(broker::AuditLog& audit, const std::string& command, const Capture& capture) {
  const std::string reason = capture.reason();
  broker::AuditRecord record;
  record.event = "run_started";
  record.command = command;
  record.reason = reason;
  audit.append(record);
}

/// The log's last word on a run. The command has ended: its status stands, whatever becomes of this.
void record_end(broker::Broker& broker, broker::AuditLog& audit, const std::string& command,
                const RunEnd& end) {
  broker::AuditRecord record;
  record.event = "run_ended";
  record.command = command;
  record.status = static_cast<unsigned>(end.exit_status);
  if (end.ending == Ending::guardian_lost) record.reason = "killed";
  if (end.ending == Ending::signalled) record.reason = "signal";
  try {
    broker.settle();
    audit.append(record);
  } catch (const broker::Error& error) {
    print_error(error.what(), error.hint());
  }
}

/// The broker's process: everything of a run but the command itself.
int run_broker(const RunArguments& arguments, std::optional<vault::Secret> key, Launch& launch) {
  Capture& capture = launch.capture();
  explain(capture, arguments.capture);
  const bool is_captured = capture.by == Capture::By::kernel;
  const Places places = Places::find();
  vault::Vault vault = open_vault(places, std::move(key));
  const broker::Selection selection{
      .with = arguments.with, .all = arguments.all == Everything::yes, .variables = arguments.variables};
  const auto credentials = broker::select_credentials(vault, selection, arguments.command);

  launch.hold_signals();
  const std::string run = broker::AuditLog::new_run_id();
  const RunFolder folder(places.runtime, run);
  broker::AuditLog audit(places.audit, vault.derive_key("audit"), run);
  std::optional<HeldSecrets> held(std::in_place, vault, credentials);
  broker::Broker broker(
      {.credentials = credentials,
       .egress = broker::parse_egress_mode(arguments.egress),
       .allowed_networks = arguments.allow_net,
       .report = [](const proxy::Refusal& refusal) { print_error(refusal.message, refusal.hint); }},
      std::move(vault), audit);
  auto parent = current_environment();
  Variables variables = stand_in_variables(credentials, broker);
  replace_held_secrets(*held, parent, broker, variables);
  warn_of_arguments(*held, arguments.command);
  held.reset();
  raise_descriptor_limit();
  const proxy::UpstreamRoute route = upstream_route();
  // Inside of another run its supervisor has to look at whoever connects, and must not look at us.
  proxy::ConnectCall connect;
  if (launch.dialler().is_there()) {
    connect = [&dialler = launch.dialler()](int socket, const sockaddr* address, socklen_t length) {
      return dialler.connect(socket, address, length);
    };
  }
  proxy::Proxy proxy({.bound = broker.bound_origins(),
                      .trust_file = variable("SSL_CERT_FILE"),
                      .trust_directory = variable("SSL_CERT_DIR"),
                      .upstream = route,
                      .limits = {},
                      .captured = is_captured ? proxy::CapturedDoor::open : proxy::CapturedDoor::closed,
                      .connect = std::move(connect)},
                     broker);
  const auto supervisor = supervise_connects(capture, proxy, broker, route.https.has_value());
  const auto environment = broker::child_environment(
      parent, {.proxy_url = proxy.url(),
               .authority_pem = proxy.authority_pem(),
               .folder = folder.path(),
               .bound = broker.bound_origins(),
               .stand_ins = std::move(variables),
               .system_roots = {},
               .node_preload = is_captured ? broker::NodePreload::no : broker::NodePreload::yes,
               .warn = print_warning});

  const std::string command = command_in_log(arguments.command, credentials);
  record_start(audit, command, capture);
  proxy.start();
  if (supervisor) supervisor->start();
  if (const auto failure = launch.exec(arguments.command, environment)) {
    proxy.stop();
    RunEnd end;
    end.exit_status = failure->exit_status();
    record_end(broker, audit, command, end);
    print_error(failure->message(), failure->hint());
    return failure->exit_status();
  }
  const RunEnd end = launch.wait();
  if (supervisor) supervisor->stop();
  proxy.stop();
  record_end(broker, audit, command, end);
  if (end.surviving > 0) {
    print_warning("some of what the command left running could not be ended", "see 'ps', and end it by hand");
  }
  return end.exit_status;
}

}  // namespace

int run_command(const RunArguments& arguments) {
  Inheritance start = Inheritance::take();
  broker::AuditLog::user_name();
  const CaptureWish wish = settle_wish(arguments.capture, arguments.command.front());
  // Before the fork: not even the guardian's environment is to show it.
  auto key = take_secret_variable("STANDIN_KEY");
  return supervise(std::move(start), wish, [&arguments, key = std::move(key)](Launch& launch) mutable {
    return run_broker(arguments, std::move(key), launch);
  });
}

}  // namespace standin::cli
