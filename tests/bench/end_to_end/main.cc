// The two ends of tests/bench/end_to_end.py: `end_to_end origin …` and `end_to_end load …`.

#include <signal.h>
#include <sys/resource.h>

#include <cstdlib>

#include <CLI/CLI.hpp>

#include "tests/bench/end_to_end/load.h"
#include "tests/bench/end_to_end/origin.h"

int main(int argc, char** argv) {
  using namespace standin::bench;
  ::signal(SIGPIPE, SIG_IGN);
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);

  CLI::App app("Load generator and origin of the end-to-end benchmark");
  app.require_subcommand(1);
  OriginOptions origin;
  auto* serve = app.add_subcommand("origin", "an HTTPS origin; prints its port");
  serve->add_option("--folder", origin.folder, "for its certificates")->required();
  serve->add_option("--token", origin.token, "what requests must carry")->required();
  LoadOptions load;
  auto* drive = app.add_subcommand("load", "one pattern of load; prints its figures as JSON");
  drive->add_option("--port", load.origin_port, "the origin's")->required();
  drive->add_option("--roots", load.roots_file, "PEM file of trusted roots")->required();
  drive->add_option("--token", load.token, "what to send")->required();
  drive->add_option("--proxy", load.proxy_url, "http://user:password@127.0.0.1:port");
  drive->add_option("--pattern", load.pattern)->required();
  drive->add_flag("--h2", load.http2, "HTTP/2");
  drive->add_option("--connections", load.connections);
  drive->add_option("--streams", load.streams, "requests at once on each connection of HTTP/2");
  drive->add_option("--bytes", load.bytes, "of a body down or up");
  drive->add_option("--count", load.count, "of names or events");
  drive->add_option("--first-name", load.first_name);
  drive->add_option("--seconds", load.seconds);
  drive->add_option("--watch", load.watched_process, "process whose processor time and memory to count");
  CLI11_PARSE(app, argc, argv);
  return serve->parsed() ? serve_origin(origin) : run_load(load);
}
