#include "cli/audit_commands.h"

#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include <nlohmann/json.hpp>

#include "broker/audit_query.h"
#include "cli/audit_view.h"
#include "cli/credential_view.h"
#include "cli/error.h"
#include "cli/exit_status.h"
#include "cli/messages.h"
#include "cli/open_vault.h"
#include "cli/terminal.h"
#include "cli/times.h"

namespace standin::cli {
namespace {

using broker::AuditEntry;
using broker::AuditFinding;
using nlohmann::json;

broker::AuditFilter filter_of(const AuditArguments& arguments) {
  broker::AuditFilter filter;
  if (!arguments.since.empty()) filter.since = parse_since(arguments.since, std::chrono::system_clock::now());
  filter.credential = arguments.credential;
  filter.origin = arguments.origin;
  filter.outcome = arguments.outcome;
  filter.run = arguments.run;
  return filter;
}

/// Following ends with a signal, or when the reader of our stdout has gone: a pipe without a reader counts as
/// readable for poll(). Elsewhere it waits on something that nobody writes to.
class Ending {
 public:
  explicit Ending(int standard_output) {
    struct stat status {};
    if (::fstat(standard_output, &status) == 0 && S_ISFIFO(status.st_mode)) {
      descriptor_ = standard_output;
      return;
    }
    descriptor_ = never_ = ::eventfd(0, EFD_CLOEXEC);
    if (never_ < 0)
      throw Error(Error::Kind::environment, "cannot follow: " + std::generic_category().message(errno));
  }
  ~Ending() {
    if (never_ >= 0) ::close(never_);
  }
  Ending(const Ending&) = delete;
  Ending& operator=(const Ending&) = delete;
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

 private:
  int descriptor_ = -1;
  int never_ = -1;
};

std::string nothing_found(const AuditArguments& arguments, const Places& places) {
  const bool asked_for_some =
      !(arguments.since + arguments.credential + arguments.origin + arguments.outcome + arguments.run)
           .empty();
  return "no record in " + in_quotes(places.audit.native()) + (asked_for_some ? " matches" : " yet");
}

int query(const AuditArguments& arguments, Output& out) {
  const auto filter = filter_of(arguments);
  const Places places = Places::find();
  const bool follows = arguments.action == AuditArguments::Action::follow;
  std::uint64_t count = 0;
  const Colour colour = may_colour(out.descriptor()) ? Colour::yes : Colour::no;
  const auto each = [&](const AuditEntry& entry) {
    // The heading is for eyes: what reads a pipe gets records and nothing else.
    if (++count == 1 && is_terminal(out.descriptor()) && arguments.format != Format::json) {
      out.line(audit_heading(colour));
    }
    out.line(arguments.format == Format::json ? entry.line : audit_line(entry, colour));
    if (follows) out.flush();
    return true;
  };
  if (!follows) {
    broker::query_audit(places.audit, filter, each);
    if (count == 0) print_hint(nothing_found(arguments, places));
    return exit_ok;
  }
  const Ending ending(out.descriptor());
  broker::follow_audit(places.audit, filter, ending.descriptor(), each);
  return exit_ok;
}

const char* kind_name(AuditFinding::Kind kind) {
  switch (kind) {
    case AuditFinding::Kind::changed:
      return "changed";
    case AuditFinding::Kind::missing:
      return "missing";
    case AuditFinding::Kind::reordered:
      return "reordered";
    case AuditFinding::Kind::torn:
      return "torn";
    case AuditFinding::Kind::unfinished:
      return "unfinished";
  }
  return "unknown";
}

json to_json(const broker::AuditVerification& verification) {
  auto findings = json::array();
  for (const AuditFinding& finding : verification.findings) {
    findings.push_back({{"kind", kind_name(finding.kind)},
                        {"file", finding.file.native()},
                        {"line", finding.line},
                        {"run", finding.run},
                        {"seq", finding.seq},
                        {"text", finding.text}});
  }
  return {{"intact", verification.intact()},
          {"records", verification.records},
          {"runs", verification.runs},
          {"files", verification.files},
          {"findings", findings}};
}

std::string counted(std::uint64_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

void print_verification(const broker::AuditVerification& verification, Output& out) {
  for (const AuditFinding& finding : verification.findings) {
    const bool is_note = finding.kind == AuditFinding::Kind::unfinished;
    out.line(printable((is_note ? "note: " : "damage: ") + finding.file.native() + ":" +
                       std::to_string(finding.line) + ": " + finding.text));
  }
  out.line((verification.intact() ? "intact: " : "not intact: ") +
           counted(verification.records, "record", "records") + " of " +
           counted(verification.runs, "run", "runs") + " in " + counted(verification.files, "file", "files"));
}

int verify(const AuditArguments& arguments, Output& out) {
  const Places places = Places::find();
  const auto verification = broker::verify_audit(places.audit, open_vault(places).derive_key("audit"));
  if (arguments.format == Format::json) {
    print_json(to_json(verification), out);
  } else {
    print_verification(verification, out);
  }
  if (verification.intact()) return exit_ok;
  out.flush();
  print_error("the audit log in " + in_quotes(places.audit.native()) + " is not as it was written",
              "keep a copy of the folder before anything else");
  return exit_failed;
}

}  // namespace

int audit_command(const AuditArguments& arguments, Output& out) {
  return arguments.action == AuditArguments::Action::verify ? verify(arguments, out) : query(arguments, out);
}

}  // namespace standin::cli
