// A TLS origin for tests told as scripts: prints its port, then one JSON line for each request it got.
//
//   test_origin --names api.github.com,localhost --ca-out ca.pem [--port N] [--address IPV4] [--plain]
//               [--cgi-git FOLDER] [--answers FOLDER]
//               [--flaw expired|not-yet-valid|self-signed|unknown-authority|client-only]
//
// /            what arrived, as JSON (so do all paths not named here)
// /a/b         the file a/b of --answers, as JSON, where there is one
// /bytes/N     N bytes of a pattern; ?chunked for chunked. /sha256/N is their hash
// /upload      length and SHA-256 of the body, as JSON
// /status/N    an empty answer of that status
// /sse?N       N server-sent events
// /echo?CODING the Authorization fields and the body, in that content coding; /echo?identity as they are, and
// /echo?other
//              in one that nobody knows. Authorization is in X-Echo as well
// /steps/K?N   N server-sent events with the Authorization; the next one when the client has asked for
// /step/K/1, /2 ... /ws          a WebSocket that sends back what it gets /x.git/…     git's smart HTTP,
// below FOLDER; Basic credentials are asked for
//
// Ends by SIGTERM or SIGINT.

#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "tests/fake_upstream.h"
#include "tests/git_backend.h"
#include "tests/proxy/encoders.h"
#include "tests/test_pki.h"
#include "tests/websocket_echo.h"

namespace standin::test {
namespace {

struct Arguments {
  std::vector<std::string> names{"localhost"};
  std::string ca_out;
  std::string git_root;
  std::string answers;
  std::uint16_t port = 0;
  std::string address = "127.0.0.1";
  bool plain = false;
  Flaw flaw = Flaw::none;
};

const std::map<std::string, Flaw> flaws = {{"expired", Flaw::expired},
                                           {"not-yet-valid", Flaw::not_yet_valid},
                                           {"self-signed", Flaw::self_signed},
                                           {"unknown-authority", Flaw::unknown_authority},
                                           {"client-only", Flaw::client_only}};

std::string text_of(const nlohmann::json& value) {
  // Bytes that are no UTF-8 must not end the origin.
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

nlohmann::json describe(const Received& request) {
  return {{"method", request.method()},       {"target", request.target()},
          {"headers", request.head.fields},   {"body_length", request.body.size},
          {"sha256", request.body.sha256},    {"trailers", request.body.trailers},
          {"connection", request.connection}, {"server_name", request.server_name},
          {"resumed", request.resumed}};
}

/// A body that a person would read.
nlohmann::json text_of_body(const Received& request) {
  constexpr std::size_t most = 16384;
  return request.body.size <= most ? nlohmann::json(request.body.bytes) : nlohmann::json();
}

Reply json_reply(const nlohmann::json& value) {
  return Reply::body(200, text_of(value) + "\n", {{"Content-Type", "application/json"}});
}

Reply events(std::uint64_t count) {
  Reply::Pieces pieces;
  for (std::uint64_t i = 1; i <= count; ++i) pieces.emplace_back("data: event " + std::to_string(i) + "\n\n");
  return Reply::events(std::move(pieces));
}

Reply echo(const Received& request) {
  std::string authorization;
  for (const auto& [name, value] : request.head.fields) {
    if (find_field({{name, value}}, "authorization")) authorization += value + "\n";
  }
  std::string text = authorization + request.body.bytes;
  const std::string coding = request.target().substr(request.target().find('?') + 1);
  Fields fields = {{"Content-Type", "text/plain"}, {"X-Echo", request.field("authorization").value_or("")}};
  if (coding != "identity") {
    fields.emplace_back("Content-Encoding", coding);
    fields.emplace_back("Content-Digest", "sha-256=:of the coded bytes:");
    if (coding == "gzip") text = proxy::encoded(proxy::Format::gzip, {text});
    if (coding == "br") text = proxy::encoded(proxy::Format::br, {text});
  }
  return Reply::body(200, text, fields);
}

/// The doors between the events of /steps, by "NAME/N".
class Steps {
 public:
  Gate at(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return gates_[name];
  }
  Reply events(const Received& request, std::uint64_t count) {
    const std::string name = request.path().substr(sizeof("/steps/") - 1);
    Reply::Pieces pieces;
    for (std::uint64_t i = 1; i <= count; ++i) {
      const std::string step = std::to_string(i);
      pieces.emplace_back("data: " + step + " " + request.field("authorization").value_or("") + "\n\n");
      pieces.emplace_back(at(name + "/" + step));
    }
    return Reply::events(std::move(pieces));
  }

 private:
  std::mutex mutex_;
  std::map<std::string, Gate> gates_;
};

std::uint64_t number_after(const std::string& text, char mark) {
  try {
    return std::stoull(text.substr(text.rfind(mark) + 1));
  } catch (const std::logic_error&) {
    return 0;
  }
}

/// What a test has put below `folder` for this path.
std::optional<Reply> prepared(const Received& request, const std::string& folder) {
  const std::string path = request.path();
  if (folder.empty() || path.find("..") != std::string::npos) return std::nullopt;
  if (!std::filesystem::is_regular_file(folder + path)) return std::nullopt;
  std::ostringstream text;
  text << std::ifstream(folder + path, std::ios::binary).rdbuf();
  Reply reply = Reply::body(200, text.str(), {{"Content-Type", "application/json"}});
  return request.field("connection") == "close" ? reply.close_after() : reply;
}

Reply answer(const Received& request, const Arguments& arguments, Steps& steps) {
  const std::string path = request.path();
  const std::string& git_root = arguments.git_root;
  if (std::optional<Reply> reply = prepared(request, arguments.answers)) return *std::move(reply);
  const bool chunked = request.target().ends_with("?chunked");
  if (!git_root.empty() && path.find(".git/") != std::string::npos)
    return git_http_backend(request, git_root);
  if (path == "/ws") return websocket_echo(request);
  if (path == "/echo") return echo(request);
  if (path.starts_with("/steps/")) return steps.events(request, number_after(request.target(), '?'));
  if (path.starts_with("/step/")) {
    steps.at(path.substr(sizeof("/step/") - 1)).open();
    return Reply::body(200, "");
  }
  if (path == "/sse") return events(number_after(request.target(), '?'));
  if (path == "/upload") return json_reply({{"length", request.body.size}, {"sha256", request.body.sha256}});
  const std::uint64_t number = number_after(path, '/');
  if (path.starts_with("/bytes/"))
    return chunked ? Reply::generated_chunked(number) : Reply::generated(number);
  if (path.starts_with("/sha256/")) return Reply::body(200, pattern_sha256(number) + "\n");
  if (path.starts_with("/status/")) return Reply::body(static_cast<unsigned>(number), "");
  return json_reply(describe(request));
}

int serve(const Arguments& arguments) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);  // before the first thread, so that all inherit it

  const TestPki pki;
  FakeUpstream::Options options{
      .certificate = std::nullopt, .port = arguments.port, .address = arguments.address};
  if (!arguments.plain) options.certificate = pki.make_certificate(arguments.names, arguments.flaw);
  FakeUpstream origin(std::move(options));
  if (!arguments.ca_out.empty()) std::ofstream(arguments.ca_out) << pki.ca_pem();
  std::mutex printing;
  origin.when_received([&](const Received& request) {
    nlohmann::json told = describe(request);
    told["body"] = text_of_body(request);
    const std::string line = text_of(told);
    const std::lock_guard lock(printing);
    std::cout << line << std::endl;
  });
  Steps steps;
  origin.on_any([&](const Received& request) { return answer(request, arguments, steps); });
  std::cout << origin.port() << std::endl;
  int signal = 0;
  return sigwait(&ends, &signal);
}

}  // namespace
}  // namespace standin::test

int main(int argc, char** argv) {
  standin::test::Arguments arguments;
  CLI::App app("A TLS origin that prints what it got");
  app.add_option("--names", arguments.names, "names and addresses of its certificate")->delimiter(',');
  app.add_option("--ca-out", arguments.ca_out, "where to write the authority's certificate");
  app.add_option("--cgi-git", arguments.git_root, "folder of bare repositories to serve");
  app.add_option("--answers", arguments.answers, "folder of prepared answers");
  app.add_option("--port", arguments.port, "port; 0: the kernel's choice");
  app.add_option("--address", arguments.address, "IPv4 address to listen on");
  app.add_flag("--plain", arguments.plain, "no TLS");
  app.add_option("--flaw", arguments.flaw, "what is wrong with its certificate")
      ->transform(CLI::CheckedTransformer(standin::test::flaws));
  CLI11_PARSE(app, argc, argv);
  return standin::test::serve(arguments);
}
